//! Finds the server programs, and says what to install if they are missing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Oldest PostgreSQL that the tests support.
const OLDEST_POSTGRES: u32 = 15;

/// Returns the folder that holds `initdb` and `postgres`: from PATH if new enough, otherwise the
/// newest of the folders that Debian and its derivatives keep outside PATH.
pub fn postgres_folder() -> Result<PathBuf> {
    let on_path = on_path("postgres").and_then(|p| fs::canonicalize(p).ok());
    if let Some(folder) = on_path.as_deref().and_then(Path::parent)
        && is_complete(folder)
        && major_version(folder).is_some_and(|v| v >= OLDEST_POSTGRES)
    {
        return Ok(folder.to_path_buf());
    }
    newest_outside_path().with_context(|| {
        format!(
            "PostgreSQL {OLDEST_POSTGRES} or newer was not found: neither `postgres` on PATH nor \
             /usr/lib/postgresql/*/bin. The tests start a private server and need its programs \
             and its contrib extensions (citext, pg_trgm, uuid-ossp). Install them: \
             Debian/Ubuntu `apt install postgresql`; Fedora `dnf install postgresql-server \
             postgresql-contrib`; Alpine `apk add postgresql postgresql-contrib`; Arch \
             `pacman -S postgresql`. Or set OSTRAKON_TEST_POSTGRES_URL to a superuser URL that ends \
             in /postgres."
        )
    })
}

/// Returns the path of `redis-server` or `redis-cli` (or of Valkey's equivalent).
pub fn redis_program(name: &str) -> Result<PathBuf> {
    let valkey = name.replace("redis", "valkey");
    if let Some(found) = on_path(name).or_else(|| on_path(&valkey)) {
        return Ok(found);
    }
    bail!(
        "`{name}` was not found on PATH. The tests start a private Redis and need redis-server \
         and redis-cli. Install them: Debian/Ubuntu `apt install redis-server redis-tools`; \
         Fedora `dnf install redis` (or valkey); Alpine `apk add redis` (or valkey); Arch \
         `pacman -S valkey`. Or set OSTRAKON_TEST_REDIS_URL."
    )
}

/// Returns the path of any other program. Debian installs some where only root's PATH leads.
pub(super) fn program(name: &str, package: &str) -> Result<PathBuf> {
    on_path(name)
        .or_else(|| Some(Path::new("/usr/sbin").join(name)).filter(|file| file.is_file()))
        .with_context(|| format!("`{name}` was not found; install {package}"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn newest_outside_path() -> Option<PathBuf> {
    fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| is_complete(folder))
        .filter_map(|folder| Some((major_version(&folder)?, folder)))
        .filter(|(version, _)| *version >= OLDEST_POSTGRES)
        .max()
        .map(|(_, folder)| folder)
}

fn is_complete(folder: &Path) -> bool {
    folder.join("postgres").is_file() && folder.join("initdb").is_file()
}

/// Parses the major version from the output of `postgres --version`, e.g. 15.
fn major_version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(2)?;
    version.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}
