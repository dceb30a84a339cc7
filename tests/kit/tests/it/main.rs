//! Tests of the test kit itself.

mod community;
mod compare;
mod golden;
mod proxy;
mod schema;
mod servers;
mod standin;
mod world;
