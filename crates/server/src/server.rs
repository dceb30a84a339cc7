//! Database of one server: its dialect, its address and its settings.

use std::time::Duration;

use chrono::Utc;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::PgConnection;
use url::Url;
use uuid::Uuid;

use super::{
    Deliveries, Fanout, FlakeSource, FollowerInboxes, Migrations, RegistrationSettings,
    dialect::{Detected, Dialect, NewerRelease, ProbeError, Probed, probe},
};

/// Search module of the server, as far as it decides which jobs a deletion creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// No search module.
    None,
    /// PostgreSQL's own search: nothing to remove.
    Database,
    /// External index: Meilisearch.
    Meilisearch,
    /// External index: Elasticsearch.
    Elasticsearch,
}

/// Whether the running server's caches are refreshed after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refresh {
    /// Refreshed as far as the server allows.
    Auto,
    /// Never refreshed.
    Off,
}

/// Section `[server]` of the settings: the server's own configuration, as far as it decides what is
/// written (docs/semantics.md 0.5). `None` means the server's default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Whether deletions are federated to other servers.
    pub federating: Option<bool>,
    /// Whether attachments of deleted posts are removed.
    pub cleanup_attachments: Option<bool>,
    /// Delay before the server does so (Akkoma); may be zero.
    #[serde(default, with = "humantime_serde")]
    pub cleanup_attachments_delay: Option<Duration>,
    /// Search module of the server.
    pub search: Option<Search>,
    /// Whether counters of remote accounts are fetched from their servers instead of counted.
    pub external_user_synchronization: Option<bool>,
    /// Whether the running server's caches are refreshed.
    pub refresh: Option<Refresh>,
    /// Name of the server as used in mails; by default its host.
    pub name: Option<String>,
    /// Sender of mails; by default `noreply@` and the host.
    pub notify_email: Option<String>,
    /// Maximum time for which the row of a removed account waits for its deliveries; zero for no
    /// wait.
    #[serde(with = "humantime_serde")]
    pub publish_wait: Duration,
    /// Fingerprint of the differences of a release that ostrakon does not know, but may write to.
    pub accept_unknown: Option<String>,
}

/// Section `[federation]` of the settings: how other servers are notified of deletions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederationSettings {
    /// Fan-out: which program determines the inboxes.
    pub fanout: Fanout,
    /// Hosts that receive public activities only, on Akkoma none, in lower case.
    #[serde(deserialize_with = "in_lower_case")]
    pub quarantined_instances: Vec<String>,
    /// Hosts that receive nothing from Akkoma, in lower case.
    #[serde(deserialize_with = "in_lower_case")]
    pub rejected_instances: Vec<String>,
    /// The only hosts that receive anything from Akkoma, in lower case; all if empty.
    #[serde(deserialize_with = "in_lower_case")]
    pub accepted_instances: Vec<String>,
    /// Time after which an unreachable host is no longer notified.
    #[serde(with = "humantime_serde")]
    pub reachability_timeout: Duration,
    /// Maximum number of ostrakon's deliveries that become due in one second; at least 1.
    pub per_second: i64,
    /// Number of due deliveries above which no more are written until the server catches up.
    pub max_waiting: i64,
}

fn in_lower_case<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    let hosts = Vec::<String>::deserialize(source)?;
    Ok(hosts.iter().map(|host| host.to_lowercase()).collect())
}

/// What is configured for a server.
#[derive(Debug, Clone, Copy)]
pub struct Configuration<'a> {
    /// Address of the server; by default that of the oldest local account.
    pub instance_url: Option<&'a str>,
    /// Section `[server]`.
    pub server: &'a ServerSettings,
    /// Section `[registration]`.
    pub registration: &'a RegistrationSettings,
    /// Section `[federation]`.
    pub federation: &'a FederationSettings,
}

/// Data about the server whose database a job works on.
#[derive(Debug)]
pub struct Server {
    /// What differs between servers.
    pub dialect: &'static Dialect,
    /// What differs within the dialect.
    pub schema: Detected,
    /// Migrations that had been applied when the database was examined.
    pub migrations: Migrations,
    /// How it differs from the known releases, if it is newer than all of them.
    pub newer: Option<NewerRelease>,
    /// Fingerprint of the differences that are accepted.
    accept_unknown: Option<String>,
    /// Scheme and host of the server, without a trailing slash; empty if no local account shows it
    /// (then nothing is written in the server's name either).
    pub base_url: String,
    /// Host of the server, in lower case, without a port; empty if the address is empty.
    pub host: String,
    /// Whether deletions are federated to other servers.
    pub federating: bool,
    /// Whether attachments of deleted posts are removed.
    pub cleanup_attachments: bool,
    /// Delay before they are removed, in seconds (Akkoma).
    pub cleanup_attachments_delay: u64,
    /// Search module of the server.
    pub search: Search,
    /// Whether counters of remote accounts are fetched from their servers instead of counted.
    pub external_user_synchronization: bool,
    /// Whether the running server's caches are refreshed.
    pub refresh: Refresh,
    /// Name of the server as used in mails.
    pub name: String,
    /// Sender of mails, if it is configured.
    pub notify_email: Option<String>,
    /// Configuration for new accounts.
    pub registration: RegistrationSettings,
    /// Maximum time for which the row of a removed account waits for its deliveries; zero for no
    /// wait.
    pub publish_wait: Duration,
    /// How other servers are notified.
    pub federation: FederationSettings,
    /// Checks of the server's pending deliveries.
    pub deliveries: Deliveries,
    /// Cache of the inboxes of accounts' followers.
    pub follower_inboxes: FollowerInboxes,
    /// Generator of ids as on a node of the server.
    pub flakes: FlakeSource,
}

/// Probes the database, and completes what is configured with the server's defaults.
pub async fn open(
    db: &mut PgConnection,
    configuration: Configuration<'_>,
) -> Result<Server, ProbeError> {
    let Configuration { instance_url, server: settings, registration, federation } = configuration;
    let Probed { dialect, schema, migrations, newer } = probe(&mut *db).await?;
    let base = match instance_url {
        Some(url) => Some(url.to_owned()),
        None => {
            sqlx::query_scalar(
                "select ap_id from public.users
                 where local and ap_id like 'http%' order by id limit 1",
            )
            .fetch_optional(db)
            .await?
        }
    };
    let url = base.and_then(|text| Url::parse(&text).ok());
    let host =
        url.as_ref().and_then(|url| url.host_str()).map(str::to_lowercase).unwrap_or_default();
    Ok(Server {
        base_url: url.map(|url| url.origin().ascii_serialization()).unwrap_or_default(),
        federating: settings.federating.unwrap_or(true),
        cleanup_attachments: settings.cleanup_attachments.unwrap_or(dialect.cleanup_attachments),
        cleanup_attachments_delay: settings
            .cleanup_attachments_delay
            .map_or(1800, |delay| delay.as_secs()),
        search: settings.search.unwrap_or(Search::Database),
        external_user_synchronization: settings.external_user_synchronization.unwrap_or(true),
        refresh: settings.refresh.unwrap_or(Refresh::Auto),
        name: settings.name.clone().unwrap_or_else(|| host.clone()),
        notify_email: settings.notify_email.clone(),
        registration: registration.clone(),
        publish_wait: settings.publish_wait,
        federation: federation.clone(),
        host,
        deliveries: Deliveries::default(),
        follower_inboxes: FollowerInboxes::default(),
        flakes: FlakeSource::default(),
        dialect,
        schema,
        migrations,
        newer,
        accept_unknown: settings.accept_unknown.clone(),
    })
}

/// Reason why ostrakon only reads a database.
#[derive(Debug, thiserror::Error)]
#[error(
    "this database looks like {dialect}, but has migrations that no release of it known to ostrakon \
     has (up to {migration}), and differs in what ostrakon writes:\n{lines}\nNothing was changed. \
     {reading}. Update ostrakon{remedy}"
)]
pub struct OnlyRead {
    dialect: &'static Dialect,
    migration: i64,
    /// The first differences.
    lines: String,
    /// What works all the same.
    reading: &'static str,
    remedy: String,
}

impl Server {
    /// What the database was recognised as, in words.
    pub fn recognised(&self) -> String {
        let dialect = self.dialect;
        let Some(newer) = &self.newer else { return dialect.to_string() };
        let changed = if newer.differences.lines().is_empty() {
            "nothing that ostrakon touches"
        } else if self.require_writable().is_ok() {
            "what ostrakon touches; server.accept_unknown accepts it"
        } else {
            "what ostrakon touches"
        };
        format!(
            "{dialect}, with newer migrations (up to {}) that changed {changed}",
            newer.migration
        )
    }

    /// Checks that ostrakon may write: it knows the release, or everything that its statements
    /// touch is as in a release that it knows, or the administrator has accepted the differences.
    ///
    /// # Errors
    /// [`OnlyRead`], with the differences.
    pub fn require_writable(&self) -> Result<(), OnlyRead> {
        /// Number of differences that are listed.
        const LISTED: usize = 8;

        let Some(NewerRelease { migration, differences, lacks }) = &self.newer else {
            return Ok(());
        };
        let fingerprint = differences.fingerprint();
        let is_accepted = self.accept_unknown.as_ref() == Some(&fingerprint);
        if !lacks && (differences.lines().is_empty() || is_accepted) {
            return Ok(());
        }
        let mut lines: Vec<String> =
            differences.lines().iter().take(LISTED).map(|line| format!("  {line}")).collect();
        if let more @ 1.. = differences.lines().len().saturating_sub(LISTED) {
            lines.push(format!("  and {more} more"));
        }
        let remedy = if *lacks {
            ": its statements cannot do without what is missing".to_owned()
        } else {
            format!(
                ". If you know that these differences do not matter, this accepts exactly them: \
                 server.accept_unknown = \"{fingerprint}\""
            )
        };
        Err(OnlyRead {
            dialect: self.dialect,
            migration: *migration,
            lines: lines.join("\n"),
            reading: if *lacks {
                "Reading and --dry-run may work"
            } else {
                "Reading and --dry-run work"
            },
            remedy,
        })
    }

    /// Generates the ActivityPub id of a new activity (docs/semantics.md 0.4).
    pub fn new_activity_id(&self) -> String {
        format!("{}/activities/{}", self.base_url, Uuid::new_v4())
    }
}

/// Current time in the format of the server's ActivityPub documents.
pub fn published_now() -> String {
    Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
