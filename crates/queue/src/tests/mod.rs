//! The queue on a real Redis.
mod bench;
mod delivery;
mod forged;
mod outages;
mod reachability;
mod upkeep;
mod wire;
