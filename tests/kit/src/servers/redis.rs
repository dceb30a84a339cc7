//! A private Redis server.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::guard::{Guard, await_ready, durable_place, free_port, signal};
use super::programs::redis_program;

/// Maximum number of starts, each with another port.
const PORT_ATTEMPTS: u32 = 5;

/// Options of a private Redis.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Extra settings, each as name and value, e.g. `maxmemory`. Not `requirepass`: the kit itself
    /// connects without a password. Create a user with `ACL SETUSER` instead.
    pub extra: Vec<(String, String)>,
}

/// A private Redis server with an append-only file on its own loopback port. Drop ends it and
/// removes its folder. This also happens when the process ends without a drop.
#[derive(Debug)]
pub struct Redis {
    server: Option<Child>,
    port: u16,
    options: RedisOptions,
    // Last, so that the server ends before its folder is removed.
    guard: Guard,
}

impl Redis {
    /// Starts a server. Blocks until it answers PING, at most 60 s.
    pub fn start() -> Result<Self> {
        Self::start_with(RedisOptions::default())
    }

    /// Starts a server with options.
    pub fn start_with(options: RedisOptions) -> Result<Self> {
        let guard = Guard::new("ostrakon-redis-", &durable_place(), "pid", "TERM", None)?;
        let mut redis = Self { server: None, port: 0, options, guard };
        let mut attempt = 1;
        loop {
            redis.port = free_port()?;
            match redis.launch() {
                Ok(()) => return Ok(redis),
                Err(error) if attempt >= PORT_ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    /// Returns the URL of this server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns the URL of this server for one of its users.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// Returns the port on 127.0.0.1 where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Freezes the server (SIGSTOP): it keeps its connections and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.server.as_ref().map_or(Ok(()), |server| signal(server, "STOP"))
    }

    /// Resumes a frozen server.
    pub fn thaw(&self) -> Result<()> {
        self.server.as_ref().map_or(Ok(()), |server| signal(server, "CONT"))
    }

    /// Ends the server with SIGKILL. What it acknowledged is in its append-only file.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        server.kill()?;
        server.wait()?;
        Ok(())
    }

    /// Restarts the server on the same port with its data; kills it first if it still runs.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.launch()
    }

    /// Runs one command through redis-cli and returns its output without the last line break.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(redis_program("redis-cli")?)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-e"])
            .args(arguments)
            .output()
            .context("cannot run redis-cli")?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("redis-cli {} failed: {text}{complaint}", arguments.join(" "));
        }
        Ok(text)
    }

    fn launch(&mut self) -> Result<()> {
        let mut command = Command::new(redis_program("redis-server")?);
        let port = self.port;
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", "."])
            .args(["--appendonly", "yes", "--save", "", "--daemonize", "no"])
            .args(["--pidfile", &self.guard.folder().join("pid").display().to_string()]);
        for (name, value) in &self.options.extra {
            command.arg(format!("--{name}")).arg(value);
        }
        let mut server = self.guard.spawn(&mut command)?;
        await_ready(&mut server, "Redis", &self.guard, || answers_ping(port))
            .with_context(|| format!("Redis did not start on port {port}"))?;
        // Another server on that port would answer PING as well; then this one has ended or is
        // ending.
        if self.command_process_id()? != server.id() {
            server.kill()?;
            server.wait()?;
            bail!("another Redis already listens on port {port}");
        }
        self.server = Some(server);
        Ok(())
    }

    fn command_process_id(&self) -> Result<u32> {
        let info = self.command(&["INFO", "server"])?;
        info.lines()
            .find_map(|line| line.trim().strip_prefix("process_id:")?.parse().ok())
            .context("Redis does not say its process id")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // The guard's watchdog tries again; a failure cannot be reported from here.
        let _ = self.kill();
    }
}

/// Whether a server answers PING with PONG: while it loads its file it answers LOADING.
fn answers_ping(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let timeout = Duration::from_secs(1);
    let ask = || -> std::io::Result<[u8; 5]> {
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| &answer == b"+PONG")
}
