//! What all releases of Pleroma from 2.4 on have in common.

use super::{Right, rights};

/// Columns of `users` besides those that all servers have.
pub(super) const USER_COLUMNS: &str = "birthday disclose_client featured_address is_active is_approved \
    is_confirmed is_suggested language last_active_at last_status_at pinned_objects show_birthday";

/// Privileges besides those that all servers' statements need.
pub(super) const RIGHTS: &[Right] = rights! {
    "public.users":
        select "is_active is_confirmed is_approved is_discoverable pinned_objects \
                pinned_activities last_active_at last_status_at",
        insert "following_address is_confirmed is_approved",
        update "is_active is_confirmed is_discoverable pinned_objects pinned_activities \
                featured_address accepts_chat_messages keys";
    "public.activities": update "data updated_at";
};
