//! Connections to Redis, and the names of its queues.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ostrakon_engine::Class;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ClientTlsConfig, IntoConnectionInfo, RedisError, TlsCertificates};

use super::error::QueueError;

/// Address of Redis and prefix of our keys.
#[derive(Clone, Default)]
pub struct RedisSettings {
    /// `redis://`, `rediss://` (TLS) or `unix://` URL; may hold a user and a password.
    pub url: String,
    /// First part of every key, so that several installations can share one Redis.
    pub prefix: String,
    /// CA certificates to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// Client certificate.
    pub cert_file: Option<PathBuf>,
    /// Private key of the client certificate.
    pub key_file: Option<PathBuf>,
}

impl RedisSettings {
    /// Checks that the settings allow a connection attempt.
    pub fn check(&self) -> Result<(), QueueError> {
        Connection::client(self).map(|_client| ())
    }

    /// Reads the certificates; `None` for the default ones.
    fn certificates(&self) -> Result<Option<TlsCertificates>, QueueError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| QueueError::Settings {
                reason: format!("{} cannot be read: {error}", path.display()),
            })
        };
        let root_cert = self.ca_file.as_deref().map(read).transpose()?;
        if let (Some(path), Some(text)) = (&self.ca_file, &root_cert)
            && !String::from_utf8_lossy(text).contains("BEGIN CERTIFICATE")
        {
            let reason = format!("{} holds no certificate in PEM", path.display());
            return Err(QueueError::Settings { reason });
        }
        let client_tls = match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => {
                Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
            }
            (None, None) => None,
            _ => {
                let reason = "redis.cert_file and redis.key_file must be given together";
                return Err(QueueError::Settings { reason: reason.to_owned() });
            }
        };
        let given = root_cert.is_some() || client_tls.is_some();
        if given && !self.url.starts_with("rediss:") && !self.url.starts_with("valkeys:") {
            let reason = "certificates are given, but redis.url is not encrypted; it must begin with rediss://";
            return Err(QueueError::Settings { reason: reason.to_owned() });
        }
        Ok(given.then_some(TlsCertificates { client_tls, root_cert }))
    }
}

/// Whether the Redis client accepts a URL.
pub fn is_redis_url(url: &str) -> bool {
    url.into_connection_info().is_ok()
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Connection that reconnects by itself. Clones share one socket until it breaks.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) manager: ConnectionManager,
    client: Client,
    timeouts: Timeouts,
    address: String,
    prefix: String,
}

/// Time limits for a connection and for an answer.
#[derive(Debug, Clone, Copy)]
struct Timeouts {
    connect: Duration,
    answer: Duration,
}

/// Limits for a worker: a stalled Redis (fork, slow disk) must not end it; the default of 500 ms
/// did.
const WORKER: Timeouts =
    Timeouts { connect: Duration::from_secs(5), answer: Duration::from_secs(10) };
/// Limits for a command: a user is waiting.
const TERMINAL: Timeouts =
    Timeouts { connect: Duration::from_secs(3), answer: Duration::from_secs(3) };

impl Connection {
    /// Prepares a connection for a worker without network access: Redis may be absent.
    ///
    /// The first command connects (limit 5 s; an answer may take 10 s). Fails only on a bad URL.
    /// Must be called inside a tokio runtime.
    pub(super) fn lazy(settings: &RedisSettings) -> Result<Self, QueueError> {
        Self::prepare(settings, WORKER)
    }

    /// Connects for a command; gives up after 3 s with an error that names `host:port`.
    pub(super) async fn prompt(settings: &RedisSettings) -> Result<Self, QueueError> {
        Self::prepare(settings, TERMINAL)?.reconnected().await
    }

    /// Address of Redis as `host:port` or socket path, without user and password.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Name of the queue of a class, with which every key of the queue begins.
    pub(super) fn queue_name(&self, class: Class) -> String {
        format!("{}:{}", self.prefix, class.name())
    }

    /// Opens another socket to the same Redis, within the connection's own time limit.
    pub(super) async fn reconnected(&self) -> Result<Self, QueueError> {
        let limit = self.timeouts.connect;
        let opening = async {
            let mut manager =
                ConnectionManager::new_with_config(self.client.clone(), self.config()).await?;
            // A missing password, and a data set that is still loading, show only now.
            redis::cmd("PING").exec_async(&mut manager).await?;
            Ok(manager)
        };
        // The limit of the redis crate covers neither the DNS lookup nor the PING.
        match tokio::time::timeout(limit, opening).await {
            Ok(Ok(manager)) => Ok(Self { manager, ..self.clone() }),
            Ok(Err(error)) => Err(QueueError::from_redis(&self.address, &error)),
            Err(_elapsed) => Err(QueueError::Unreachable {
                address: self.address.clone(),
                reason: format!("no answer within {} s", limit.as_secs()),
            }),
        }
    }

    /// Translates an error, and makes the next command open a new socket.
    ///
    /// A manager whose reconnection was answered with an error (wrong password, data set still
    /// loading) returns that error for every later command.
    pub(super) fn failed(&mut self, error: &RedisError) -> QueueError {
        self.renew();
        QueueError::from_redis(&self.address, error)
    }

    pub(super) fn renew(&mut self) {
        if let Ok(manager) =
            ConnectionManager::new_lazy_with_config(self.client.clone(), self.config())
        {
            self.manager = manager;
        }
    }

    fn prepare(settings: &RedisSettings, timeouts: Timeouts) -> Result<Self, QueueError> {
        let client = Self::client(settings)?;
        let address = client.get_connection_info().addr().to_string();
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config(timeouts))
            .map_err(|error| bad_url(&error))?;
        Ok(Self { manager, client, timeouts, address, prefix: settings.prefix.clone() })
    }

    fn client(settings: &RedisSettings) -> Result<Client, QueueError> {
        let info = settings.url.as_str().into_connection_info().map_err(|error| bad_url(&error))?;
        let client = match settings.certificates()? {
            Some(certificates) => Client::build_with_tls(info, certificates).map_err(|error| {
                QueueError::Settings {
                    reason: format!("the certificates of Redis cannot be used: {error}"),
                }
            })?,
            None => Client::open(info).map_err(|error| bad_url(&error))?,
        };
        Ok(client)
    }

    fn config(&self) -> ConnectionManagerConfig {
        config(self.timeouts)
    }
}

fn bad_url(error: &RedisError) -> QueueError {
    QueueError::Url { reason: error.category().to_owned() }
}

fn config(timeouts: Timeouts) -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_connection_timeout(Some(timeouts.connect))
        .set_response_timeout(Some(timeouts.answer))
        // Callers have their own back-off, during which they can be stopped.
        .set_number_of_retries(0)
}
