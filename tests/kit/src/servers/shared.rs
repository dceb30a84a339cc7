//! The pair of servers that all tests of a run share.

use std::env;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, Result};

use super::{Postgres, Redis};

/// Environment variable with the administration URL of a running PostgreSQL; the URL ends in
/// `/postgres`.
const POSTGRES_URL: &str = "OSTRAKON_TEST_POSTGRES_URL";

/// Environment variable with the URL of a running Redis.
const REDIS_URL: &str = "OSTRAKON_TEST_REDIS_URL";

/// A running server: named by the environment, or started by this process and ending with it.
#[derive(Debug)]
pub struct Server<T> {
    url: String,
    // A static is never dropped: the watchdog ends the server when the process ends.
    _own: Option<T>,
}

impl<T> Server<T> {
    /// Returns the URL; for PostgreSQL that of the database `postgres`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Server<Postgres> {
    /// Returns the URL of another database of this server.
    pub fn database_url(&self, database: &str) -> String {
        let (base, query) = match self.url.split_once('?') {
            Some((base, query)) => (base, format!("?{query}")),
            None => (self.url.as_str(), String::new()),
        };
        let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
        format!("{base}/{database}{query}")
    }
}

/// Returns the PostgreSQL of this test run: `OSTRAKON_TEST_POSTGRES_URL` if set, otherwise a server
/// that starts at the first call and ends with the process.
pub fn postgres() -> Result<&'static Server<Postgres>> {
    static SERVER: OnceLock<Server<Postgres>> = OnceLock::new();
    once(&SERVER, POSTGRES_URL, || {
        let own = Postgres::start()?;
        Ok(Server { url: own.url("postgres"), _own: Some(own) })
    })
}

/// Returns the Redis of this test run: `OSTRAKON_TEST_REDIS_URL` if set, otherwise a server that
/// starts at the first call and ends with the process. Tests share it: use a separate key prefix.
pub fn redis() -> Result<&'static Server<Redis>> {
    static SERVER: OnceLock<Server<Redis>> = OnceLock::new();
    once(&SERVER, REDIS_URL, || {
        let own = Redis::start()?;
        Ok(Server { url: own.url(), _own: Some(own) })
    })
}

fn once<T>(
    cell: &'static OnceLock<Server<T>>,
    variable: &str,
    start: impl FnOnce() -> Result<Server<T>>,
) -> Result<&'static Server<T>> {
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = cell.get() {
        return Ok(server);
    }
    let server = match env::var(variable) {
        Ok(url) if !url.is_empty() => Server { url, _own: None },
        _ => start().with_context(|| format!("{variable} is not set, so one was to be started"))?,
    };
    Ok(cell.get_or_init(|| server))
}
