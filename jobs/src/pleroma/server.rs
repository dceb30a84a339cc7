//! One server's database: its shape, its address and its switches.

use std::time::Duration;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use url::Url;
use uuid::Uuid;

use super::{
    Deliveries, DeliveryPace, Fanout, FlakeSource, FollowerInboxes, Registration, Shape,
    flavour::{Flavour, ProbeError, probe},
};

/// The server's search module, as far as it decides which jobs a deletion makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// No search module.
    None,
    /// PostgreSQL's own search: nothing to remove.
    Database,
    /// An index of its own.
    Meilisearch,
    /// An index of its own.
    Elasticsearch,
}

/// Whether the running server's caches are refreshed after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refresh {
    /// As far as the flavour allows.
    Auto,
    /// Never.
    Off,
}

/// The server's own configuration, as far as it decides what is written (docs/semantics.md 0.5).
/// `None` means the flavour's default.
#[derive(Debug, Clone, Default)]
pub struct ServerSwitches {
    /// Whether deletions are told to other servers.
    pub federating: Option<bool>,
    /// Whether attachments of deleted posts are removed.
    pub cleanup_attachments: Option<bool>,
    /// How long the server waits before it does so, in seconds (Akkoma).
    pub cleanup_attachments_delay: Option<u64>,
    /// The search module.
    pub search: Option<Search>,
    /// Whether counters of remote accounts are fetched from their servers instead of counted.
    pub external_user_synchronization: Option<bool>,
    /// Whether the running server's caches are refreshed.
    pub refresh: Option<Refresh>,
    /// How accounts are made.
    pub registration: Registration,
    /// How long the row of a removed account waits for its deliveries.
    pub publish_wait: Duration,
    /// How other servers are told.
    pub federation: Federation,
}

/// How other servers are told of what was deleted.
#[derive(Debug, Clone)]
pub struct Federation {
    /// Who finds out the inboxes.
    pub fanout: Fanout,
    /// Hosts that get public activities only, in lower case.
    pub quarantined_instances: Vec<String>,
    /// A host that has been unreachable for longer is told nothing.
    pub reachability_timeout: Duration,
    /// How many deliveries the server is given, and how fast.
    pub pace: DeliveryPace,
}

impl Default for Federation {
    /// As the server's own defaults are, and ostrakon's.
    fn default() -> Self {
        Self {
            fanout: Fanout::Server,
            quarantined_instances: Vec::new(),
            reachability_timeout: Duration::from_hours(7 * 24),
            pace: DeliveryPace { per_second: 20, max_waiting: 20_000 },
        }
    }
}

/// What a job knows of the server whose database it works on.
#[derive(Debug)]
pub struct Server {
    /// What differs between databases.
    pub shape: Shape,
    /// Scheme and host of the server, without a slash at the end; empty when there is no local
    /// account that tells it (then nothing is written in the server's name either).
    pub base_url: String,
    /// Host of the server, in lower case, without a port; empty like the address.
    pub host: String,
    /// Whether deletions are told to other servers.
    pub federating: bool,
    /// Whether attachments of deleted posts are removed.
    pub cleanup_attachments: bool,
    /// Seconds until then (Akkoma).
    pub cleanup_attachments_delay: u64,
    /// The search module.
    pub search: Search,
    /// Whether counters of remote accounts are fetched from their servers instead of counted.
    pub external_user_synchronization: bool,
    /// Whether the running server's caches are refreshed.
    pub refresh: Refresh,
    /// How accounts are made.
    pub registration: Registration,
    /// How long the row of a removed account waits for its deliveries; zero: not at all.
    pub publish_wait: Duration,
    /// How other servers are told.
    pub federation: Federation,
    /// How many deliveries the server may still be given.
    pub deliveries: Deliveries,
    /// Where the followers of accounts receive.
    pub follower_inboxes: FollowerInboxes,
    /// Makes ids as a node of the server would.
    pub flakes: FlakeSource,
}

/// Looks at the database and settles every switch.
///
/// The server's address is `instance_url`, or that of the oldest local account.
pub async fn open(
    db: &mut PgConnection,
    switches: &ServerSwitches,
    instance_url: Option<&str>,
) -> Result<Server, ProbeError> {
    let shape = probe(&mut *db).await?;
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
    let host = url.as_ref().and_then(|url| url.host_str()).map(str::to_lowercase);
    let akkoma = shape.flavour == Flavour::Akkoma;
    Ok(Server {
        base_url: url.map(|url| url.origin().ascii_serialization()).unwrap_or_default(),
        host: host.unwrap_or_default(),
        federating: switches.federating.unwrap_or(true),
        cleanup_attachments: switches.cleanup_attachments.unwrap_or(akkoma),
        cleanup_attachments_delay: switches.cleanup_attachments_delay.unwrap_or(1800),
        search: switches.search.unwrap_or(Search::Database),
        external_user_synchronization: switches.external_user_synchronization.unwrap_or(true),
        refresh: switches.refresh.unwrap_or(Refresh::Auto),
        registration: switches.registration.clone(),
        publish_wait: switches.publish_wait,
        federation: switches.federation.clone(),
        deliveries: Deliveries::default(),
        follower_inboxes: FollowerInboxes::default(),
        flakes: FlakeSource::default(),
        shape,
    })
}

impl Server {
    /// Makes up the ActivityPub id of a new activity (docs/semantics.md 0.4).
    pub fn new_activity_id(&self) -> String {
        format!("{}/activities/{}", self.base_url, Uuid::new_v4())
    }
}

/// Now, as ActivityPub documents of the server say it.
pub fn published_now() -> String {
    Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
