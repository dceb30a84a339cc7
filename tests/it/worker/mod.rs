//! Worker processes on a real Redis and a real PostgreSQL, and everything that happens to them.
//!
//! A test holds the row lock of a post to stop a run at a known place; batches are five items small.

mod clients;
mod control;
mod crashes;
mod deliveries;
mod forged;
mod outages;
mod postgres;
mod process;
mod redis_acl;
mod secrets;
mod stage;
mod starting;
mod stopping;
mod story;
mod waiting;
mod work;

pub(crate) use stage::eventually;
