//! Private PostgreSQL and Redis servers that end with the process that started them.

mod certificates;
mod guard;
mod pgbouncer;
mod postgres;
mod programs;
mod proxy;
mod redis;
mod shared;

pub use certificates::Certificates;
pub use pgbouncer::PgBouncer;
pub use postgres::{Postgres, PostgresOptions};
pub use programs::{postgres_folder, redis_program};
pub use proxy::{Link, Proxy};
pub use redis::{Redis, RedisOptions};
pub use shared::{Server, postgres, redis};
