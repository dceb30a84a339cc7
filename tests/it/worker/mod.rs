//! Worker processes on a real Redis and a real PostgreSQL, and everything that happens to them.
//!
//! A test holds the row lock of a post to stop a run at a known place; batches are five items small.

mod backlog;
mod clients;
mod clock;
mod control;
mod crashes;
mod crowd;
mod deliveries;
mod durability;
mod encrypted;
mod failover;
#[cfg(feature = "failpoints")]
mod failpoints;
mod forged;
mod giving_way;
mod groups;
mod history;
mod hostile_settings;
mod inline;
mod network;
mod outages;
mod parked;
mod pooler;
mod postgres;
mod postgres_faults;
mod process;
mod recovery;
mod redis_acl;
mod redis_faults;
#[cfg(feature = "failpoints")]
mod repair;
mod secrets;
mod speed;
mod stage;
mod starting;
mod stopping;
mod throttle;
mod upgrade;
mod waiting;
mod without_redis;
mod work;

pub(crate) use stage::{eventually, stuck};

#[cfg(not(feature = "failpoints"))]
#[test]
fn the_places_to_die_at_are_compiled_in() {
    panic!("run the tests by `cargo xtask test`, or with `--features ostrakon/failpoints`");
}
