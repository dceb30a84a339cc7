//! Test kit of kenoma: private `PostgreSQL` and Redis servers, the database schemas of the three
//! server flavours, recorded transitions of the real programs and how to compare with them, and
//! builders that fill a database with accounts and posts.

mod servers;

pub use servers::{Postgres, PostgresOptions, Redis, Server, postgres, redis};
