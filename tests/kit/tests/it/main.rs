//! Tests of the test kit itself.

mod compare;
mod golden;
mod servers;
mod world;
