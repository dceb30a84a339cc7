//! Columns of `users` in the releases that ostrakon knows.
//!
//! A removal empties the columns that contain personal data. An unlisted column may be one of
//! these. So a table with such a column belongs to a release, or a descendant, that ostrakon does
//! not know.

use super::Dialect;

/// Columns that all servers have, or may have.
const ALL: &str = "accepts_chat_messages actor_type allow_following_move also_known_as ap_id avatar \
    background banner bio blocks confirmation_token default_scope domain_blocks email \
    email_notifications emoji fields follower_address follower_count following_address \
    following_count hide_favorites hide_followers hide_followers_count hide_follows \
    hide_follows_count id inbox inserted_at invisible is_admin is_discoverable is_locked \
    is_moderator keys last_digest_emailed_at last_refreshed_at local mascot \
    multi_factor_authentication_settings muted_notifications muted_reblogs mutes name \
    nickname no_rich_text note_count notification_settings password_hash \
    password_reset_pending pleroma_settings_store public_key raw_bio raw_fields \
    registration_reason shared_inbox show_role skip_thread_containment subscribers tags \
    updated_at uri";

/// Lists the columns that releases of a dialect have.
pub(super) fn known_columns(dialect: &Dialect) -> Vec<&'static str> {
    ALL.split_whitespace().chain(dialect.user_columns.split_whitespace()).collect()
}
