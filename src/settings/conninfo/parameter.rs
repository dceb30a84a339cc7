//! The parameters of libpq: which there are, and which of them ostrakon obeys.

use super::{fault::Fault, split::Pair};
use crate::settings::hint;

/// What becomes of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is obeyed.
    Obeyed,
    /// It changes nothing that matters here.
    WithoutEffect,
    /// Only these values are what ostrakon does.
    Only(&'static [&'static str]),
    /// It demands something that ostrakon cannot do, and to go on without might be unsafe.
    Refused,
}

use Use::{Obeyed, Only, Refused, WithoutEffect};

/// Name, environment variable, use.
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
    // Connections of ostrakon are named by what they do.
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

/// Whether the value of a parameter is nobody's business.
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

/// The values in force, by name.
#[derive(Default)]
pub(super) struct Values(Vec<(&'static str, String, Option<&'static str>)>);

impl Values {
    /// Keeps what was written.
    pub(super) fn of_text(pairs: Vec<Pair>) -> Result<Self, Fault> {
        let mut values = Self::default();
        for pair in pairs {
            let (name, ..) = find(&pair)?;
            // A reader that kept both would show the one and use the other.
            values.0.retain(|(known, ..)| known != name);
            values.0.push((*name, pair.value, None));
        }
        Ok(values)
    }

    /// Takes what was not written from the environment, as libpq does.
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

    /// Refuses what cannot be obeyed.
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

    /// Gives the value of a parameter; an empty one counts as not given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, ..)| *known == name);
        value.map(|(_, value, _)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Names the environment variable that gave it.
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
    // A name that resembles none may be anything.
    let reported = meant.is_some() && !pair.doubtful;
    Err(Fault::Unknown { name: reported.then(|| pair.name.clone().into_owned()), meant })
}
