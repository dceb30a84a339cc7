//! A private `PgBouncer` in front of PostgreSQL.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Child, Command};

use anyhow::{Context as _, Result};

use super::guard::{Account, Guard, await_ready, durable_place, free_port, reap, signal};
use super::programs::program;

/// A private `PgBouncer` on its own loopback port. Drop ends it and removes its folder.
#[derive(Debug)]
pub struct PgBouncer {
    server: Child,
    port: u16,
    // Last, so that the server ends before its folder is removed.
    _guard: Guard,
}

impl PgBouncer {
    /// Starts a `PgBouncer` in front of the PostgreSQL on a loopback port, with this `pool_mode`
    /// and extra settings, each as name and value. Every role in `users` may connect.
    pub fn start(
        postgres_port: u16,
        pool_mode: &str,
        users: &[&str],
        extra: &[(&str, &str)],
    ) -> Result<Self> {
        let account = Account::unprivileged()?;
        let guard = Guard::new("ostrakon-pgbouncer-", &durable_place(), "pid", "INT", account)?;
        let port = free_port()?;
        let folder = guard.folder().to_owned();
        let mut settings = format!(
            "[databases]\n* = host=127.0.0.1 port={postgres_port}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n\
             auth_file = {folder}/users\npidfile = {folder}/pid\npool_mode = {pool_mode}\n",
            folder = folder.display()
        );
        for (name, value) in extra {
            settings.extend([name, " = ", value, "\n"]);
        }
        let users: String = users.iter().flat_map(|user| ["\"", user, "\" \"\"\n"]).collect();
        for (name, text) in [("settings", settings), ("users", users)] {
            let path = folder.join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            if let Some((uid, gid)) = account.map(Account::ids) {
                chown(&path, Some(uid), Some(gid))?;
            }
        }
        let mut command = Command::new(program("pgbouncer", "PgBouncer")?);
        command.arg("settings");
        Account::apply(account, &mut command);
        let mut server = guard.spawn(&mut command)?;
        let ready = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        await_ready(&mut server, "PgBouncer", &guard, ready)
            .with_context(|| format!("PgBouncer did not start on port {port}"))?;
        Ok(Self { server, port, _guard: guard })
    }

    /// Returns the port on 127.0.0.1 where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // The guard's watchdog tries again; a failure cannot be reported from here.
        let _ = signal(&self.server, "QUIT").and_then(|()| reap(&mut self.server));
    }
}
