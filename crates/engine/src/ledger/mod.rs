//! The ledger: schema `ostrakon` of the same database that the jobs change.
//!
//! Every statement that changes a run's status is in this folder, follows
//! [`Status::may_become`](super::Status::may_become) and writes the event that records the change
//! in the same transaction.

mod action;
mod claim;
mod control;
mod enqueue;
mod event;
mod figures;
mod group;
mod migrate;
mod owner;
mod parked;
mod read;
mod release_to_newer;
mod run;
mod selection;
mod set_back;
mod throttle;
mod wait;
mod workers;
mod writes;

pub use action::{Action, NewAction, actions, record_action};
pub use claim::{Claim, Lease, Renewed, claim, renew};
pub use control::{
    ControlError, cancel, make_due_now, pause, pause_dropped, resume, retry, retry_parked,
};
pub use enqueue::{Enqueued, NewRun, enqueue};
pub use event::{Event, events};
pub use figures::{RunFigures, Waiting, longest_waiting, run_figures};
pub use group::{
    Group, NewGroup, cancel_group, create_group, find_group, groups, next_of_group, pause_group,
    resume_group, retry_group, runs_of_group, set_group_speed, single_runs_waiting,
};
pub use migrate::{MigrateFailed, Migrated, SchemaState, migrate, schema_state};
pub use owner::owner_without_backup;
pub use read::{
    Parked, RunFilter, due, due_ids, find, find_all, list, mark_notified, parked_items,
    try_exclusive, unfinished_among,
};
pub use run::{Control, Run};
pub use selection::{
    FrozenAccount, NewSelection, Selection, add_to_selection, drop_selection, find_selection,
    frozen_accounts, lock_selection, new_selection, remove_from_selection, selections,
    sum_up_selection,
};
pub use throttle::set_speed;
pub use workers::{Worker, alive, forget, seen};

pub(super) use event::record;
pub(super) use release_to_newer::release_to_newer;
pub(super) use throttle::{requested, throttle_off, throttle_on};
pub(super) use wait::postpone;

pub(super) use claim::{
    Checkpoint, Figures, Locked, advance, end_as_before, fail, finish, give_back, lock, start, stop,
};
pub(super) use parked::{
    ToRetry, keep_parked, made_progress, mark_stuck, next_to_retry, park, retry_no_more, step_over,
    unpark,
};
pub(super) use set_back::{SetBack, set_back};
pub(super) use writes::{
    Others, Writes, has_writes, note_writes, others, record_set_right, set_closing,
    take_fresh_writes, writes_after,
};
