//! The engine: what a job is, the one loop that drives it, and the ledger that remembers it.
mod class;

pub use class::Class;
