//! Tests of the test kit itself.

mod community;
mod compare;
mod golden;
mod proxy;
mod servers;
mod world;
