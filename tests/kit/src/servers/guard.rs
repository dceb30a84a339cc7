//! Common parts of the servers: a private folder, a port, an unprivileged user, and a guard that
//! ends the server when this process ends.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{statfs, statvfs};

/// Time limit for a server to accept connections, and to end.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// Magic number of an in-memory file system in `statfs(2)`.
const TMPFS: i64 = 0x0102_1994;

/// Interval between two polls of a server.
const POLL: Duration = Duration::from_millis(10);

/// Script that ends the server named in the pid file and removes the folder. It first waits until
/// the pipe on its standard input is closed: by `Drop`, or by the kernel when this process ends for
/// any reason. The parent-death signal of Linux is no replacement: it follows the *thread* that
/// started the child, and a test's thread ends long before the process.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
if [ -f "$2" ]; then
  pid=$(head -n 1 "$2")
  kill -"$3" "$pid" 2>/dev/null
  tries=0
  while [ -f "$2" ] && kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
    tries=$((tries + 1)); sleep 0.1
  done
fi
rm -rf -- "$1"
"#;

/// A private folder with a watchdog that finally ends the server in it and removes it.
#[derive(Debug)]
pub(super) struct Guard {
    folder: PathBuf,
    watchdog: Child,
    lifeline: Option<ChildStdin>,
}

impl Guard {
    /// Creates a folder in `place` that only this user (or `account`, if set) may enter, and starts
    /// the watchdog. `pid_file` is relative to the folder; `signal` ends the server.
    pub(super) fn new(
        prefix: &str,
        place: &Path,
        pid_file: &str,
        signal: &str,
        account: Option<Account>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(place)
            .context("cannot make a temporary folder for the test server")?
            .keep();
        if let Some(account) = account {
            chown(&folder, Some(account.uid), Some(account.gid))
                .with_context(|| format!("cannot give {} away", folder.display()))?;
        }
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&folder)
            .arg(folder.join(pid_file))
            .arg(signal)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start the watchdog of the test server with `sh`")?;
        let lifeline = watchdog.stdin.take();
        Ok(Self { folder, watchdog, lifeline })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a program in the folder, outside the terminal's process group, with its output in
    /// `log`.
    pub(super) fn spawn(&self, command: &mut Command) -> Result<Child> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .context("cannot open the test server's log")?;
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))
    }

    /// Returns the end of the server's log, for error messages.
    pub(super) fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // The watchdog removes the folder; a failure cannot be reported any more.
        let _ = self.watchdog.wait();
    }
}

/// Returns the parent folder for a server whose data may be lost. It is in memory if there is
/// enough: a database is hundreds of files, and a disk takes four times as long to create them.
pub(super) fn quick_place() -> PathBuf {
    /// Twice the maximum that the tests need.
    const PLENTY: u64 = 4 << 30;
    let memory = Path::new("/dev/shm");
    let plenty = statvfs(memory).is_ok_and(|there| there.f_bavail * there.f_frsize >= PLENTY);
    // Not if a container has only an ordinary folder on its disk under that name.
    let in_memory = statfs(memory).is_ok_and(|there| there.f_type == TMPFS);
    if plenty && in_memory { memory.to_owned() } else { durable_place() }
}

/// Returns the parent folder for a server whose data must survive.
pub(super) fn durable_place() -> PathBuf {
    std::env::temp_dir()
}

/// The account that a server runs as when this process is root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// Returns `postgres` or `nobody` if this process is root, otherwise `None`.
    pub(super) fn unprivileged() -> Result<Option<Self>> {
        // The owner of this process's folder in /proc is the effective user.
        let Ok(own) = fs::metadata("/proc/self") else { return Ok(None) };
        if own.uid() != 0 {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let find = |name: &str| {
            accounts.lines().find_map(|line| {
                let mut fields = line.split(':');
                (fields.next() == Some(name)).then_some(())?;
                let uid = fields.nth(1)?.parse().ok()?;
                let gid = fields.next()?.parse().ok()?;
                Some(Self { uid, gid })
            })
        };
        match find("postgres").or_else(|| find("nobody")) {
            Some(account) => Ok(Some(account)),
            None => bail!(
                "PostgreSQL does not run as root, and there is neither a user `postgres` nor \
                 `nobody` to run it as"
            ),
        }
    }

    /// Returns uid and gid, for `chown`.
    pub(super) fn ids(self) -> (u32, u32) {
        (self.uid, self.gid)
    }

    pub(super) fn apply(account: Option<Self>, command: &mut Command) {
        if let Some(account) = account {
            command.uid(account.uid).gid(account.gid);
        }
    }
}

/// Returns a loopback port that was free a moment ago. Another process may take it before the
/// server does; callers then retry with another port.
pub(super) fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on the loopback")?;
    Ok(listener.local_addr()?.port())
}

/// Waits until `ready` returns true. Fails if the server ends or the deadline passes.
pub(super) fn await_ready(
    server: &mut Child,
    name: &str,
    guard: &Guard,
    mut ready: impl FnMut() -> bool,
) -> Result<()> {
    let started = Instant::now();
    while !ready() {
        if let Some(status) = server.try_wait()? {
            bail!("{name} ended at once ({status}); it said:\n{}", guard.log_tail());
        }
        if started.elapsed() > DEADLINE {
            let _ = server.kill();
            let _ = server.wait();
            bail!("{name} was not ready after {DEADLINE:?}; it said:\n{}", guard.log_tail());
        }
        pause();
    }
    Ok(())
}

/// Sends a signal with the shell's own `kill`: the standard library knows only SIGKILL.
pub(super) fn signal(child: &Child, name: &str) -> Result<()> {
    signal_to(child.id(), name)
}

/// Sends a signal to a process by its id.
pub(super) fn signal_to(pid: u32, name: &str) -> Result<()> {
    let pid = pid.to_string();
    let status = Command::new("sh")
        .args(["-c", r#"kill -"$1" "$2""#, "kill", name, &pid])
        .stderr(Stdio::null())
        .status()
        .context("cannot run `sh` to send a signal")?;
    if !status.success() {
        bail!("cannot send SIG{name} to process {pid}");
    }
    Ok(())
}

/// Returns the ids of a process's direct children.
pub(super) fn children(parent: u32) -> Result<Vec<u32>> {
    let parent = parent.to_string();
    let processes = fs::read_dir("/proc").context("cannot read /proc")?;
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name in parentheses may contain anything; state and parent follow it.
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest);
        after_name.and_then(|rest| rest.split_whitespace().nth(1)) == Some(parent.as_str())
    };
    Ok(ids.filter(is_child).collect())
}

/// Waits for the end of a server that was asked to stop; kills it when the deadline passes.
pub(super) fn reap(child: &mut Child) -> Result<()> {
    let started = Instant::now();
    while child.try_wait()?.is_none() {
        if started.elapsed() > DEADLINE {
            child.kill()?;
        }
        pause();
    }
    Ok(())
}

/// Waits between two polls of another process, which offers no event to wait for.
#[expect(clippy::disallowed_methods, reason = "another process's readiness can only be polled")]
fn pause() {
    thread::sleep(POLL);
}
