//! Package managers, and their names for the packages.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use testkit::console::say;

use super::Need;

/// File that keeps Debian's packages from starting their servers.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// A supported package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackageManager {
    Apt,
    Dnf,
    Apk,
    Pacman,
}

impl PackageManager {
    const ALL: [Self; 4] = [Self::Apt, Self::Dnf, Self::Apk, Self::Pacman];

    /// Returns the package manager that is on PATH.
    pub(super) fn of_this_system() -> Option<Self> {
        let path = env::var_os("PATH")?;
        let on_path = |program| env::split_paths(&path).any(|f| f.join(program).is_file());
        Self::ALL.into_iter().find(|manager| on_path(manager.program()))
    }

    /// Returns the install command as root would type it.
    pub(super) fn spelled(self, needs: &[Need]) -> String {
        self.install_words(needs, false).join(" ")
    }

    /// Installs packages; reports each command first.
    pub(super) fn install(self, needs: &[Need], sudo: bool) -> Result<()> {
        if self != Self::Apt {
            let first = run(&self.install_words(needs, false), sudo);
            // Fedora has been moving from Redis to Valkey.
            return first.or_else(|_| run(&self.install_words(needs, true), sudo));
        }
        let denied = deny_starts(sudo)?;
        let words = self.install_words(needs, false);
        // A fresh image has no package lists; a system in use usually has current ones.
        let installed = run(&words, sudo).or_else(|_| {
            run(&["apt-get".to_owned(), "update".to_owned()], sudo)?;
            run(&words, sudo)
        });
        if denied {
            run(&["rm".to_owned(), "-f".to_owned(), POLICY.to_owned()], sudo)?;
        }
        installed
    }

    const fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
        }
    }

    fn install_words(self, needs: &[Need], valkey: bool) -> Vec<String> {
        let options: &[&str] = match self {
            Self::Apt => &["install", "--yes", "--no-install-recommends"],
            Self::Dnf => &["install", "--assumeyes"],
            Self::Apk => &["add", "--no-cache"],
            Self::Pacman => &["--sync", "--needed", "--noconfirm"],
        };
        let packages = needs.iter().flat_map(|need| self.packages(*need, valkey));
        [self.program()].iter().chain(options).chain(packages).map(|&w| w.to_owned()).collect()
    }

    const fn packages(self, need: Need, valkey: bool) -> &'static [&'static str] {
        match (need, self) {
            (Need::Postgres, Self::Apt | Self::Pacman) => &["postgresql"],
            (Need::Postgres, Self::Dnf) => &["postgresql-server", "postgresql-contrib"],
            (Need::Postgres, Self::Apk) => &["postgresql", "postgresql-contrib"],
            (Need::Redis, Self::Apt) => &["redis-server", "redis-tools"],
            (Need::Redis, Self::Pacman) => &["valkey"],
            (Need::Redis, Self::Dnf | Self::Apk) if valkey => &["valkey"],
            (Need::Redis, Self::Dnf | Self::Apk) => &["redis"],
            (Need::Argon2, _) => &["argon2"],
            (Need::Python, Self::Pacman) => &["python"],
            (Need::Python, _) => &["python3"],
            (Need::Faketime, Self::Apt) => &["faketime"],
            (Need::Faketime, _) => &["libfaketime"],
            (Need::PgBouncer, _) => &["pgbouncer"],
        }
    }
}

/// Keeps the packages' own servers from starting: the tests use private ones. Returns whether the
/// file was created; an existing file is the administrator's decision.
fn deny_starts(sudo: bool) -> Result<bool> {
    if Path::new(POLICY).exists() {
        return Ok(false);
    }
    let script = format!("printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}");
    run(&["sh".to_owned(), "-c".to_owned(), script], sudo)?;
    Ok(true)
}

fn run(words: &[String], sudo: bool) -> Result<()> {
    let prefix = ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"];
    let prefix = if sudo { &prefix[..] } else { &[] };
    let mut all = prefix.iter().copied().chain(words.iter().map(String::as_str));
    let program = all.next().context("an empty command")?;
    let mut command = Command::new(program);
    command.args(all).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    // This program's own output is the test report; the package manager's output goes to standard
    // error.
    command.stdout(std::io::stderr());
    let spelled = words.join(" ");
    say(format!("xtask: {}{spelled}", if sudo { "sudo " } else { "" }));
    let status = command.status().with_context(|| format!("cannot start `{program}`"))?;
    if !status.success() {
        bail!("`{spelled}` failed ({status})");
    }
    Ok(())
}
