//! What the operator sees of the command line, and what a refused command leaves behind.

mod account_list;
mod accounts;
mod action_list;
mod akkoma_3_20;
mod block_lists;
mod config;
mod confirm;
mod confirm_all;
mod consent;
mod control;
mod credentials;
mod deliveries;
mod every_release;
mod fanout;
mod follow_request;
mod follow_state;
mod forged_history;
mod full;
mod grants;
mod groups;
mod guards;
mod help;
mod hosts;
mod hosts_file;
mod ids;
mod invites;
mod ledger_secrets;
mod listing;
mod maintenance;
mod metrics;
mod missing_index;
mod mistyped;
mod narrow;
mod new;
mod newer_release;
mod nobody;
mod odd_input;
mod output;
mod owner;
mod parked;
mod passwords;
mod prune_activities;
mod prune_objects;
mod purge_instance;
mod remote;
mod repair;
mod reported;
mod select;
mod send_confirmation;
mod shapes;
mod staff;
mod switch;
mod tags;
mod timelines;
mod twice;
mod unreachable;
mod usage;
mod via_server;
mod welcome;

use insta::internals::SettingsBindDropGuard;
use testkit::Flavour;

use crate::fixture::Fixture;

const FLAVOURS: [Flavour; 3] = [Flavour::Pleroma, Flavour::Akkoma, Flavour::Pleroma22];

/// Masks in snapshots what differs each time, until the guard is dropped.
fn redacted() -> SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (pattern, replacement) in [
        ("[0-9A-HJKMNP-TV-Z]{26}", "<run>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "<time>"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>"),
        (r"tester@[^\s)]+", "tester@<machine>"),
        (r"[\w.-]+-\d+-<run>", "<worker>"),
        (r"127\.0\.0\.1:\d{3,5}", "<address>"),
        (r"t_(pleroma|akkoma|pleroma22)_[0-9a-f]{32}", "<database>"),
        (r"/tmp/[^\s)]*?([\w-]+\.toml)", "<folder>/$1"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings.bind_to_scope()
}
