//! Parameters of libpq, and which of them ostrakon supports.

use super::{fault::Fault, split::Pair};
use crate::settings::hint;

/// Treatment of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Supported.
    Obeyed,
    /// Accepted and ignored: it changes nothing that matters here.
    WithoutEffect,
    /// Accepted with these values only, which match what ostrakon does.
    Only(&'static [&'static str]),
    /// Refused: ostrakon cannot do what it demands, and ignoring it might be unsafe.
    Refused,
}

use Use::{Obeyed, Only, Refused, WithoutEffect};

/// Name, environment variable and treatment of each parameter.
const PARAMETERS: &[(&str, Option<&str>, Use)] = &[
    ("host", Some("PGHOST"), Obeyed),
    ("hostaddr", Some("PGHOSTADDR"), Obeyed),
    ("port", Some("PGPORT"), Obeyed),
    ("dbname", Some("PGDATABASE"), Obeyed),
    ("user", Some("PGUSER"), Obeyed),
    ("password", Some("PGPASSWORD"), Obeyed),
    ("passfile", Some("PGPASSFILE"), Obeyed),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT"), Obeyed),
    ("options", Some("PGOPTIONS"), Obeyed),
    ("sslmode", Some("PGSSLMODE"), Obeyed),
    ("sslrootcert", Some("PGSSLROOTCERT"), Obeyed),
    ("sslcert", Some("PGSSLCERT"), Obeyed),
    ("sslkey", Some("PGSSLKEY"), Obeyed),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS"), Obeyed),
    // ostrakon sets its own application name.
    ("application_name", None, WithoutEffect),
    ("fallback_application_name", None, WithoutEffect),
    ("keepalives", None, WithoutEffect),
    ("keepalives_idle", None, WithoutEffect),
    ("keepalives_interval", None, WithoutEffect),
    ("keepalives_count", None, WithoutEffect),
    ("tcp_user_timeout", None, WithoutEffect),
    ("krbsrvname", None, WithoutEffect),
    ("gsslib", None, WithoutEffect),
    ("gssdelegation", None, WithoutEffect),
    ("min_protocol_version", None, WithoutEffect),
    ("max_protocol_version", None, WithoutEffect),
    ("client_encoding", None, Only(&["UTF8", "utf8", "UTF-8", "utf-8", "auto"])),
    ("gssencmode", Some("PGGSSENCMODE"), Only(&["disable", "prefer"])),
    ("channel_binding", Some("PGCHANNELBINDING"), Only(&["disable", "prefer"])),
    ("sslnegotiation", Some("PGSSLNEGOTIATION"), Only(&["postgres"])),
    ("sslcompression", None, Only(&["0"])),
    ("sslsni", None, Only(&["1"])),
    ("sslcertmode", Some("PGSSLCERTMODE"), Only(&["allow"])),
    ("ssl_min_protocol_version", None, Only(&["TLSv1", "TLSv1.1", "TLSv1.2"])),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS"), Only(&["disable"])),
    ("replication", None, Only(&["false", "off", "no", "0"])),
    ("require_auth", Some("PGREQUIREAUTH"), Refused),
    ("requirepeer", Some("PGREQUIREPEER"), Refused),
    ("service", Some("PGSERVICE"), Refused),
    ("servicefile", None, Refused),
    ("sslpassword", None, Refused),
    ("sslcrl", Some("PGSSLCRL"), Refused),
    ("sslcrldir", Some("PGSSLCRLDIR"), Refused),
    ("sslkeylogfile", None, Refused),
    ("ssl_max_protocol_version", None, Refused),
    ("scram_client_key", None, Refused),
    ("scram_server_key", None, Refused),
    ("oauth_issuer", None, Refused),
    ("oauth_client_id", None, Refused),
    ("oauth_client_secret", None, Refused),
    ("oauth_scope", None, Refused),
];

/// Whether the value of a parameter is secret.
pub(super) fn is_secret(name: &str) -> bool {
    matches!(
        name,
        "password"
            | "sslpassword"
            | "scram_client_key"
            | "scram_server_key"
            | "oauth_client_secret"
    )
}

/// Values in force, by name.
#[derive(Default)]
pub(super) struct Values(Vec<(&'static str, String, Option<&'static str>)>);

impl Values {
    /// Collects the values given in the text.
    pub(super) fn of_text(pairs: Vec<Pair>) -> Result<Self, Fault> {
        let mut values = Self::default();
        for pair in pairs {
            let (name, ..) = find(&pair)?;
            // With both values kept, a reader could show one and use the other.
            values.0.retain(|(known, ..)| known != name);
            values.0.push((*name, pair.value, None));
        }
        Ok(values)
    }

    /// Takes missing values from the environment, as libpq does.
    pub(super) fn fill_in(&mut self, variable: impl Fn(&str) -> Option<String>) {
        let addressed = self.get("host").is_some();
        for (name, from, _) in PARAMETERS {
            let Some(from) = from else { continue };
            if self.get(name).is_some() || (*name == "hostaddr" && addressed) {
                continue;
            }
            if let Some(value) = variable(from).filter(|value| !value.is_empty()) {
                self.0.push((name, value, Some(from)));
            }
        }
    }

    /// Refuses what ostrakon does not support.
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, value, from) in &self.0 {
            let known = PARAMETERS.iter().find(|(known, ..)| known == name);
            let fault = match known.map(|(.., used)| used) {
                Some(Refused) => Fault::Unsupported(name),
                Some(Only(accepted))
                    if !value.is_empty() && !accepted.contains(&value.as_str()) =>
                {
                    Fault::Value { name, accepts: format!("{} here", accepted.join(" or ")) }
                }
                _ => continue,
            };
            return Err(fault.of(*from));
        }
        Ok(())
    }

    /// Value of a parameter; an empty one counts as not given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, ..)| *known == name);
        value.map(|(_, value, _)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Environment variable that the value of a parameter came from.
    pub(super) fn variable(&self, name: &str) -> Option<&'static str> {
        self.0.iter().find(|(known, ..)| *known == name).and_then(|(.., from)| *from)
    }
}

fn find(pair: &Pair) -> Result<&'static (&'static str, Option<&'static str>, Use), Fault> {
    if let Some(known) = PARAMETERS.iter().find(|(name, ..)| *name == pair.name) {
        return Ok(known);
    }
    let names: Vec<&'static str> = PARAMETERS.iter().map(|(name, ..)| *name).collect();
    let meant = hint::nearest_word(&names, &pair.name);
    // A name that resembles no parameter may be anything, even part of a password.
    let reported = meant.is_some() && !pair.doubtful;
    Err(Fault::Unknown { name: reported.then(|| pair.name.clone().into_owned()), meant })
}
