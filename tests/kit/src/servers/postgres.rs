//! A private PostgreSQL server.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};

use anyhow::{Context as _, Result, bail};

use super::guard::{
    Account, Guard, await_ready, children, durable_place, free_port, quick_place, reap, signal,
    signal_to,
};
use super::programs::postgres_folder;

/// Maximum number of starts, each with another port.
const PORT_ATTEMPTS: u32 = 5;

/// Options of a private PostgreSQL.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Keeps `fsync` and related settings on, as on a real server: for measurements and crash
    /// tests.
    pub durable: bool,
    /// Extra settings, each as name and value, e.g. `shared_preload_libraries`.
    pub extra: Vec<(String, String)>,
}

/// A private PostgreSQL server: own data folder, own socket folder, own loopback port, superuser
/// `postgres` without a password. Drop ends it and removes its folder. This also happens when the
/// process ends without a drop (exit, panic, SIGKILL).
#[derive(Debug)]
pub struct Postgres {
    server: Option<Child>,
    programs: PathBuf,
    account: Option<Account>,
    port: u16,
    options: PostgresOptions,
    // Last, so that the server ends before its folder is removed.
    guard: Guard,
}

impl Postgres {
    /// Starts a server whose data need not survive a power cut (`fsync` off). Blocks until it
    /// accepts connections, at most 60 s.
    pub fn start() -> Result<Self> {
        Self::start_with(PostgresOptions::default())
    }

    /// Starts a server with `fsync` on.
    pub fn start_durable() -> Result<Self> {
        Self::start_with(PostgresOptions { durable: true, extra: Vec::new() })
    }

    /// Starts a server with options.
    pub fn start_with(options: PostgresOptions) -> Result<Self> {
        let mut initdb = Command::new(postgres_folder()?.join("initdb"));
        initdb
            .args(["--username=postgres", "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8"])
            .args(["--no-sync", "--pgdata=data"])
            .env_remove("PGDATA");
        Self::start_by(initdb, options)
    }

    /// Starts a streaming replica of this server.
    pub fn start_replica(&self) -> Result<Self> {
        let mut basebackup = Command::new(self.programs.join("pg_basebackup"));
        basebackup
            .args(["--host=127.0.0.1", "--username=postgres", "--port", &self.port.to_string()])
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--pgdata=data"]);
        Self::start_by(basebackup, self.options.clone())
    }

    /// Starts a server on the data folder that a command creates.
    fn start_by(mut make_cluster: Command, options: PostgresOptions) -> Result<Self> {
        let programs = postgres_folder()?;
        let account = Account::unprivileged()?;
        let place = if options.durable { durable_place() } else { quick_place() };
        let guard = Guard::new("ostrakon-pg-", &place, "data/postmaster.pid", "QUIT", account)?;
        let mut postgres = Self { server: None, programs, account, port: 0, options, guard };
        postgres.make_cluster(&mut make_cluster)?;
        let mut attempt = 1;
        loop {
            postgres.port = free_port()?;
            match postgres.launch() {
                Ok(()) => return Ok(postgres),
                Err(error) if attempt >= PORT_ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    /// Returns the URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Returns the URL of a database of this server for a role. The server checks no passwords.
    pub fn url_as(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Returns the port on 127.0.0.1 where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Freezes the server and all its processes (SIGSTOP): connections stay open, and nothing is
    /// answered.
    pub fn freeze(&self) -> Result<()> {
        let Some(server) = &self.server else { return Ok(()) };
        // The parent first, so that no child starts after the list was read.
        signal(server, "STOP")?;
        for pid in children(server.id())? {
            // The child may have ended by itself.
            let _ = signal_to(pid, "STOP");
        }
        Ok(())
    }

    /// Resumes a frozen server.
    pub fn thaw(&self) -> Result<()> {
        let Some(server) = &self.server else { return Ok(()) };
        for pid in children(server.id())? {
            let _ = signal_to(pid, "CONT");
        }
        signal(server, "CONT")
    }

    /// Stops the server like a crash: no checkpoint, all connections cut.
    pub fn stop_immediate(&mut self) -> Result<()> {
        // A frozen process does not react to other signals.
        self.thaw()?;
        let Some(mut server) = self.server.take() else { return Ok(()) };
        signal(&server, "QUIT")?;
        reap(&mut server)
    }

    /// Restarts the server on the same port; stops it first if it still runs.
    pub fn restart(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            signal(&server, "INT")?;
            reap(&mut server)?;
        }
        self.launch()
    }

    /// Promotes a replica, and waits until it accepts writes.
    pub fn promote(&self) -> Result<()> {
        let mut command = Command::new(self.programs.join("pg_ctl"));
        command.args(["promote", "--wait", "--pgdata=data"]);
        Account::apply(self.account, &mut command);
        let status = self.guard.spawn(&mut command)?.wait()?;
        if !status.success() {
            bail!("pg_ctl promote failed ({status}); it said:\n{}", self.guard.log_tail());
        }
        Ok(())
    }

    fn make_cluster(&self, command: &mut Command) -> Result<()> {
        Account::apply(self.account, command);
        let status = self.guard.spawn(command)?.wait()?;
        if !status.success() {
            let program = command.get_program().display();
            bail!("{program} failed ({status}); it said:\n{}", self.guard.log_tail());
        }
        Ok(())
    }

    fn launch(&mut self) -> Result<()> {
        let mut command = Command::new(self.programs.join("postgres"));
        command.args(["-D", "data"]);
        for (name, value) in self.settings() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        Account::apply(self.account, &mut command);
        let mut server = self.guard.spawn(&mut command)?;
        let pid_file = self.guard.folder().join("data/postmaster.pid");
        let pid = server.id().to_string();
        let port = self.port;
        // A line of the pid file says `ready`. The first line identifies this server, not an
        // earlier one.
        let ready = || {
            fs::read_to_string(&pid_file).is_ok_and(|text| {
                let mut lines = text.lines();
                lines.next() == Some(&pid) && lines.any(|line| line.trim() == "ready")
            }) && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        };
        await_ready(&mut server, "PostgreSQL", &self.guard, ready)
            .with_context(|| format!("PostgreSQL did not start on port {port}"))?;
        self.server = Some(server);
        Ok(())
    }

    fn settings(&self) -> Vec<(String, String)> {
        let socket_folder = self.guard.folder().display().to_string();
        // A socket's path has a maximum of 107 bytes, and TMPDIR can be longer than that.
        let socket_folder = if socket_folder.len() > 80 { String::new() } else { socket_folder };
        let port = self.port.to_string();
        let mut settings = vec![
            ("port", port.as_str()),
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", socket_folder.as_str()),
            ("max_connections", "500"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("lc_messages", "C"),
        ];
        if !self.options.durable {
            settings.extend([
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
            ]);
        }
        let mut settings: Vec<(String, String)> =
            settings.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        settings.extend(self.options.extra.iter().cloned());
        settings
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The guard's watchdog tries again; a failure cannot be reported from here.
        let _ = self.stop_immediate();
    }
}
