//! Tests of the built binary on a real PostgreSQL and a real Redis.
//!
//! One binary for all of them: it links once.

mod beside;
mod bound_sql;
mod cli;
mod contract;
mod fixture;
mod golden;
mod hostile;
mod layout;
mod removal;
mod servers_page;
mod source_files;
mod vocabulary;
mod worker;
