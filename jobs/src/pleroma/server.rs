//! Database of one server: its shape, its address and its switches.

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
    /// Refreshed as far as the flavour allows.
    Auto,
    /// Never refreshed.
    Off,
}

/// The server's own configuration, as far as it decides what is written (docs/semantics.md 0.5).
/// `None` means the flavour's default.
#[derive(Debug, Clone, Default)]
pub struct ServerSwitches {
    /// Whether deletions are federated to other servers.
    pub federating: Option<bool>,
    /// Whether attachments of deleted posts are removed.
    pub cleanup_attachments: Option<bool>,
    /// Delay before the server does so, in seconds (Akkoma).
    pub cleanup_attachments_delay: Option<u64>,
    /// Search module of the server.
    pub search: Option<Search>,
    /// Whether counters of remote accounts are fetched from their servers instead of counted.
    pub external_user_synchronization: Option<bool>,
    /// Whether the running server's caches are refreshed.
    pub refresh: Option<Refresh>,
    /// Configuration for new accounts.
    pub registration: Registration,
    /// Maximum time for which the row of a removed account waits for its deliveries.
    pub publish_wait: Duration,
    /// Settings for notifying other servers.
    pub federation: Federation,
}

/// Settings for notifying other servers of deletions.
#[derive(Debug, Clone)]
pub struct Federation {
    /// Fan-out: which program determines the inboxes.
    pub fanout: Fanout,
    /// Hosts that receive public activities only, in lower case.
    pub quarantined_instances: Vec<String>,
    /// Time after which an unreachable host is no longer notified.
    pub reachability_timeout: Duration,
    /// Rate and maximum number of deliveries that the server is given.
    pub pace: DeliveryPace,
}

impl Default for Federation {
    /// Returns the server's own defaults, and ostrakon's.
    fn default() -> Self {
        Self {
            fanout: Fanout::Server,
            quarantined_instances: Vec::new(),
            reachability_timeout: Duration::from_hours(7 * 24),
            pace: DeliveryPace { per_second: 20, max_waiting: 20_000 },
        }
    }
}

/// Data about the server whose database a job works on.
#[derive(Debug)]
pub struct Server {
    /// Differences between databases.
    pub shape: Shape,
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
    /// Configuration for new accounts.
    pub registration: Registration,
    /// Maximum time for which the row of a removed account waits for its deliveries; zero for no
    /// wait.
    pub publish_wait: Duration,
    /// Settings for notifying other servers.
    pub federation: Federation,
    /// Checks of the server's pending deliveries.
    pub deliveries: Deliveries,
    /// Cache of the inboxes of accounts' followers.
    pub follower_inboxes: FollowerInboxes,
    /// Generator of ids as on a node of the server.
    pub flakes: FlakeSource,
}

/// Probes the database and settles every switch.
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
    /// Generates the ActivityPub id of a new activity (docs/semantics.md 0.4).
    pub fn new_activity_id(&self) -> String {
        format!("{}/activities/{}", self.base_url, Uuid::new_v4())
    }
}

/// Current time in the format of the server's ActivityPub documents.
pub fn published_now() -> String {
    Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
