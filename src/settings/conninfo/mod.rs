//! `database.url`: everything that libpq accepts, parsed in the same way, since people copy it from
//! psql, from the server's own configuration or from a cloud provider's page.
//!
//! sqlx's own parser supports only one host, and connects without verification if the parameter
//! that demands it is misspelt.

mod fault;
mod parameter;
mod passfile;
mod split;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

pub(super) use fault::{ENCODE, Fault};
use parameter::{Values, is_secret};
pub(crate) use passfile::{Passfile, PassfileEntry};

/// Replacement for a password.
const MASK: &str = "***";

/// Database and how to connect to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Conninfo {
    /// Possible locations in the order of preference; at least one.
    pub(crate) hosts: Vec<Host>,
    /// Role to log in as.
    pub(crate) user: Option<String>,
    /// Password of the role, if given here.
    pub(crate) password: Option<String>,
    /// Name of the database.
    pub(crate) database: Option<String>,
    /// Password file.
    pub(crate) passfile: Passfile,
    /// Time limit for connecting to one host.
    pub(crate) connect_timeout: Option<Duration>,
    /// Command-line options for the session.
    pub(crate) options: Option<String>,
    /// Required kind of server.
    pub(crate) target: Target,
    /// Encryption settings.
    pub(crate) tls: Tls,
}

/// One possible location of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Name, address or socket folder; `None` for the default socket of this machine.
    pub(crate) name: Option<String>,
    /// Address to connect to, instead of a DNS lookup of the name.
    pub(crate) address: Option<String>,
    /// Port number.
    pub(crate) port: u16,
}

/// Required kind of server (`target_session_attrs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Target {
    /// Any server.
    #[default]
    Any,
    /// Server that accepts writes.
    ReadWrite,
    /// Read-only server.
    ReadOnly,
    /// Server that is not a standby.
    Primary,
    /// Standby server.
    Standby,
    /// Standby, or any server if there is none.
    PreferStandby,
}

impl Target {
    const NAMES: [(&str, Self); 6] = [
        ("any", Self::Any),
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("primary", Self::Primary),
        ("standby", Self::Standby),
        ("prefer-standby", Self::PreferStandby),
    ];

    /// Name of the value in libpq.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, target)| *target == self).map_or("any", |(name, _)| name)
    }
}

/// Encryption and trusted authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    /// Required level of encryption.
    pub(crate) mode: TlsMode,
    /// CA certificates to trust; `None` for those built into the program.
    pub(crate) root: Option<PathBuf>,
    /// Client certificate.
    pub(crate) certificate: Option<PathBuf>,
    /// Private key of the client certificate.
    pub(crate) key: Option<PathBuf>,
}

/// Required level of encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// No encryption.
    Disable,
    /// Encryption if the server supports it.
    Prefer,
    /// Encryption without verification of the server.
    Require,
    /// Encryption, with a server certificate that is valid for its host name.
    Verify,
}

const SSL_MODES: [(&str, TlsMode); 6] = [
    ("disable", TlsMode::Disable),
    // libpq would first try without encryption; this is never less safe.
    ("allow", TlsMode::Prefer),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    // sqlx also trusts the public authorities, from which anyone can get a certificate, so the host
    // name is verified too.
    ("verify-ca", TlsMode::Verify),
    ("verify-full", TlsMode::Verify),
];

impl Conninfo {
    /// Parses a connection string, and takes missing values from these variables and files, as
    /// libpq does.
    ///
    /// # Errors
    /// What is wrong; the message quotes nothing of the text but names of parameters.
    pub(crate) fn read(
        text: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let pairs = split::split(text).map_err(|fault| fault.to_string())?;
        let mut values = Values::of_text(pairs).map_err(|fault| fault.to_string())?;
        values.fill_in(&variable);
        values.check()?;
        let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let reported = |name: &'static str| move |fault: Fault| (name, fault);
        let read = || -> Result<Self, (&'static str, Fault)> {
            let text = |name| values.get(name).map(str::to_owned);
            Ok(Self {
                hosts: hosts(&values).map_err(reported("port"))?,
                user: text("user"),
                password: text("password"),
                database: text("dbname"),
                passfile: Passfile::new(values.get("passfile"), home.as_deref()),
                connect_timeout: seconds(values.get("connect_timeout"))
                    .map_err(reported("connect_timeout"))?,
                options: text("options"),
                target: choice("target_session_attrs", &Target::NAMES, &values)?
                    .unwrap_or_default(),
                tls: tls(&values, home.as_deref())?,
            })
        };
        read().map_err(|(name, fault)| fault.of(values.variable(name)))
    }
}

impl fmt::Debug for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conninfo").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// Masks the passwords of a connection string; `None` if the text is not one.
pub(super) fn mask(text: &str) -> Option<String> {
    let pairs = split::split(text).ok()?;
    let mut spans: Vec<_> =
        pairs.iter().filter(|pair| is_secret(&pair.name)).map(|pair| pair.span.clone()).collect();
    Values::of_text(pairs).ok()?;
    spans.sort_by_key(|span| span.start);
    let mut masked = text.to_owned();
    for span in spans.into_iter().rev().filter(|span| !span.is_empty()) {
        masked.replace_range(span, MASK);
    }
    Some(masked)
}

fn hosts(values: &Values) -> Result<Vec<Host>, Fault> {
    let list = |name| values.get(name).map(|text| text.split(',').collect::<Vec<_>>());
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    let fits = |list: &Option<Vec<&str>>| list.as_ref().is_none_or(|list| list.len() == count);
    let one_port = ports.as_ref().is_some_and(|ports| ports.len() == 1);
    if !fits(&names) || !(one_port || fits(&ports)) {
        return Err(Fault::Lengths);
    }
    let given = |list: &Option<Vec<&str>>, index: usize| {
        let text = list.as_ref().and_then(|list| list.get(index)).map(|text| text.trim());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    (0..count)
        .map(|index| {
            let name = given(&names, index);
            let address = given(&addresses, index);
            if name.as_deref().is_some_and(|name| !is_host(name))
                || address.as_deref().is_some_and(|text| text.parse::<std::net::IpAddr>().is_err())
            {
                return Err(Fault::Host);
            }
            let port = given(&ports, if one_port { 0 } else { index });
            Ok(Host { name, address, port: port.map_or(Ok(5432), |port| number(&port))? })
        })
        .collect()
}

/// Whether a text can be a host name: in a misread URL, the rest of a password usually cannot.
fn is_host(name: &str) -> bool {
    let folder = name.starts_with('/');
    !name.contains(['@', '\0'])
        && (folder || name.chars().all(|c| c.is_alphanumeric() || "-_.:%".contains(c)))
}

fn number(port: &str) -> Result<u16, Fault> {
    let number = port.parse().ok().filter(|number| *number > 0);
    number.ok_or(Fault::Value {
        name: "port",
        accepts: format!("a number from 1 to 65535; if it is part of a password, {ENCODE}"),
    })
}

/// Parses a time limit in seconds; zero and less mean no limit, as in libpq.
fn seconds(text: Option<&str>) -> Result<Option<Duration>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let number: i32 = text.trim().parse().map_err(|_no_number| Fault::Value {
        name: "connect_timeout",
        accepts: "a whole number of seconds".to_owned(),
    })?;
    Ok(u64::try_from(number).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

fn choice<T: Copy>(
    name: &'static str,
    choices: &[(&'static str, T)],
    values: &Values,
) -> Result<Option<T>, (&'static str, Fault)> {
    let Some(found) = values.get(name) else { return Ok(None) };
    let chosen = choices.iter().find(|(choice, _)| *choice == found).map(|(_, value)| *value);
    let all = || choices.iter().map(|(choice, _)| *choice).collect::<Vec<_>>().join(", ");
    chosen
        .map(Some)
        .ok_or_else(|| (name, Fault::Value { name, accepts: format!("one of {}", all()) }))
}

fn tls(values: &Values, home: Option<&Path>) -> Result<Tls, (&'static str, Fault)> {
    let mode = choice("sslmode", &SSL_MODES, values)?;
    let usual = |name: &str| {
        let file = home?.join(".postgresql").join(name);
        file.is_file().then_some(file)
    };
    let path = |name| values.get(name).map(PathBuf::from);
    let root = values.get("sslrootcert");
    let system = root == Some("system");
    if system && mode.is_some_and(|mode| mode != TlsMode::Verify) {
        let accepts = "verify-full together with sslrootcert=system".to_owned();
        return Err(("sslmode", Fault::Value { name: "sslmode", accepts }));
    }
    let root = if system { None } else { root.map(PathBuf::from).or_else(|| usual("root.crt")) };
    let mode = match mode.unwrap_or(TlsMode::Prefer) {
        _ if system => TlsMode::Verify,
        // Naming an authority means that it has to be checked.
        TlsMode::Require if root.is_some() => TlsMode::Verify,
        mode => mode,
    };
    let certificate = path("sslcert").or_else(|| usual("postgresql.crt"));
    let key = path("sslkey").or_else(|| usual("postgresql.key"));
    // Neither is of use without the other.
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (Some(certificate), Some(key)),
        (None, None) => (None, None),
        _ if values.get("sslcert").is_none() && values.get("sslkey").is_none() => (None, None),
        _ => {
            let accepts = "given together with sslcert".to_owned();
            return Err(("sslkey", Fault::Value { name: "sslkey", accepts }));
        }
    };
    Ok(Tls { mode, root, certificate, key })
}
