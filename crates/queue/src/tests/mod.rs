//! The notifiers on a real Redis and a real PostgreSQL.
mod bench;
mod conformance;
mod delivery;
mod forged;
mod outages;
mod reachability;
mod upkeep;
mod wire;
