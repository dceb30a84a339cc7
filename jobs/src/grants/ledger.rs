//! Privileges on ostrakon's own tables.

use ostrakon_server::{Right, rights};

/// The requester is written only once: those columns cannot be changed, and neither can any
/// history. Request time and database role are never written: those columns have defaults.
pub(super) const LEDGER: &[Right] = rights! {
    "ostrakon._sqlx_migrations": select "";
    "ostrakon.runs": select "",
        insert "id job class payload subject dedupe_key plan total requested_by reason group_id \
                status",
        update "status control plan total done parked cursor attempt crashes last_error fence \
                lease_owner lease_expires_at available_at notified_at started_at finished_at \
                parked_retry_of closing failures waits_for waits_since waited_ms checks speed throttle \
                throttle_reason throttled_at throttled_ms deliveries_until";
    "ostrakon.groups": select "", insert "id job subject requested_by reason";
    "ostrakon.run_events": select "", insert "run_id event actor detail";
    "ostrakon.parked_items": select "", insert "", update "reason sqlstate at retry", delete "";
    "ostrakon.batch_writes": select "", insert "run_id what", update "rechecked", delete "";
    "ostrakon.lowered_counters": select "",
        insert "run_id object replies_before replies_lost quotes_before quotes_lost",
        update "replies_before replies_lost quotes_before quotes_lost", delete "";
    "ostrakon.delivery_schedule": select "", update "second taken";
    "ostrakon.instance_accounts": select "", insert "", update "refresh_due", delete "";
    "ostrakon.selections": select "",
        insert "name selectors digest accounts requested_by reason",
        update "digest accounts edited_at", delete "";
    "ostrakon.selection_accounts": select "", insert "", delete "";
    "ostrakon.workers": select "", insert "", update "seen_at", delete "";
    "ostrakon.actions": select "",
        insert "id command subject requested_by on_behalf_of reason detail";
};
