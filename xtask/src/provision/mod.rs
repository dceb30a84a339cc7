//! `cargo xtask provision`: installs missing programs that the tests need, through the system's
//! package manager.

mod packages;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use testkit::{console::say, postgres_folder, redis_program};

use packages::PackageManager;

/// Oldest Redis that the project supports. (The test kit knows the oldest PostgreSQL.)
const OLDEST_REDIS: u32 = 7;

/// A server that the tests start, or a program that the tests use to check or manipulate ostrakon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Postgres,
    Redis,
    /// The command-line tool of the reference implementation: passwords.
    Argon2,
    /// Python's standard library: passwords.
    Python,
    /// Sets a separate clock for a process.
    Faketime,
    /// A pooler between programs and PostgreSQL, common on servers.
    PgBouncer,
}

impl Need {
    const ALL: [Self; 6] =
        [Self::Postgres, Self::Redis, Self::Argon2, Self::Python, Self::Faketime, Self::PgBouncer];

    const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Argon2 => "argon2",
            Self::Python => "Python",
            Self::Faketime => "faketime",
            Self::PgBouncer => "PgBouncer",
        }
    }

    /// Returns why it cannot be used, or `None` if it can.
    fn complaint(self) -> Option<String> {
        match self {
            Self::Postgres => postgres_folder().err().map(|error| error.to_string()),
            Self::Redis => redis_complaint(),
            Self::Argon2 => program_complaint("argon2"),
            Self::Python => program_complaint("python3"),
            Self::Faketime => program_complaint("faketime"),
            Self::PgBouncer => program_complaint("pgbouncer"),
        }
    }
}

/// Installs what is missing, or reports what to install.
///
/// # Errors
/// If something is still missing afterwards.
pub(crate) fn run() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(need, _)| need.name()).collect();
    say(format!("xtask: {} missing", names.join(" and ")));
    let needs: Vec<Need> = missing.iter().map(|(need, _)| *need).collect();
    let Some(manager) = PackageManager::of_this_system() else {
        bail!("there is no package manager here that is known. {}", complaints(&missing));
    };
    if !is_root() && !can_sudo() {
        bail!(
            "installing needs root, or sudo without a password. Run as root: {}",
            manager.spelled(&needs)
        );
    }
    manager.install(&needs, !is_root())?;
    let left = self::missing();
    if left.is_empty() { Ok(()) } else { bail!("{}", complaints(&left)) }
}

fn missing() -> Vec<(Need, String)> {
    Need::ALL.into_iter().filter_map(|need| Some((need, need.complaint()?))).collect()
}

fn complaints(missing: &[(Need, String)]) -> String {
    let lines: Vec<&str> = missing.iter().map(|(_, complaint)| complaint.as_str()).collect();
    lines.join(" ")
}

fn program_complaint(program: &str) -> Option<String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    // Debian installs some where only root's PATH leads.
    let mut folders = std::env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.any(|folder| folder.join(program).is_file());
    (!found).then(|| format!("There is no `{program}` on PATH."))
}

fn redis_complaint() -> Option<String> {
    let find =
        || Ok::<_, anyhow::Error>((redis_program("redis-server")?, redis_program("redis-cli")?));
    let (server, _) = match find() {
        Ok(programs) => programs,
        Err(error) => return Some(error.to_string()),
    };
    match redis_version(&server) {
        Some(version) if version >= OLDEST_REDIS => None,
        Some(version) => Some(format!(
            "{} is version {version}, and {OLDEST_REDIS} is the oldest that will do.",
            server.display()
        )),
        None => Some(format!("{} does not tell its version.", server.display())),
    }
}

/// Parses the major version from e.g. `Redis server v=7.0.15 sha=…`.
fn redis_version(server: &Path) -> Option<u32> {
    let output = Command::new(server).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split("v=").nth(1)?.split('.').next()?.parse().ok()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn can_sudo() -> bool {
    let asked = Command::new("sudo").args(["-n", "true"]).output();
    asked.is_ok_and(|output| output.status.success())
}
