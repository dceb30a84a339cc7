//! Tests of the test kit itself.

mod community;
mod compare;
mod golden;
mod servers;
mod world;
