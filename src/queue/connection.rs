//! Connections to Redis, and the names of the queues in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ostrakon_jobs::engine::Class;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ClientTlsConfig, IntoConnectionInfo, RedisError, TlsCertificates};

use super::error::QueueError;

/// Where Redis is and how our keys begin.
#[derive(Clone, Default)]
pub(crate) struct RedisSettings {
    /// `redis://`, `rediss://` (TLS) or `unix://` URL; may hold a user and a password.
    pub(crate) url: String,
    /// First part of every key, so that several installations can share one Redis.
    pub(crate) prefix: String,
    /// Certificates of the authorities to trust, instead of those of the web.
    pub(crate) ca_file: Option<PathBuf>,
    /// Our own certificate.
    pub(crate) cert_file: Option<PathBuf>,
    /// Its key.
    pub(crate) key_file: Option<PathBuf>,
}

impl RedisSettings {
    /// Makes sure that a connection can be tried at all.
    pub(crate) fn check(&self) -> Result<(), QueueError> {
        Connection::client(self).map(|_client| ())
    }

    /// Reads the certificates; `None` when the usual ones are to do.
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

/// Whether the client understands a URL.
pub(crate) fn is_redis_url(url: &str) -> bool {
    url.into_connection_info().is_ok()
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// A connection that finds its way back by itself. Clones share one socket until it breaks.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(super) manager: ConnectionManager,
    client: Client,
    timeouts: Timeouts,
    address: String,
    prefix: String,
}

/// How long to wait for a connection and for an answer.
#[derive(Debug, Clone, Copy)]
struct Timeouts {
    connect: Duration,
    answer: Duration,
}

/// A worker: a stalled Redis (fork, slow disk) must not end it; the default of 500 ms did.
const WORKER: Timeouts =
    Timeouts { connect: Duration::from_secs(5), answer: Duration::from_secs(10) };
/// Somebody is sitting in front of the terminal.
const TERMINAL: Timeouts =
    Timeouts { connect: Duration::from_secs(3), answer: Duration::from_secs(3) };

impl Connection {
    /// Prepares a connection for a worker without asking the network: Redis may be absent.
    ///
    /// The first command connects (limit 5 s; an answer may take 10 s). Fails only on a bad URL.
    /// Must be called inside a tokio runtime.
    pub(crate) fn lazy(settings: &RedisSettings) -> Result<Self, QueueError> {
        Self::prepare(settings, WORKER)
    }

    /// Connects for a command line: gives up within 3 s, naming `host:port`.
    pub(crate) async fn prompt(settings: &RedisSettings) -> Result<Self, QueueError> {
        Self::prepare(settings, TERMINAL)?.reconnected().await
    }

    /// Names the Redis as `host:port` or socket path, without user and password.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Names the queue of a class; every key of the queue begins with it.
    pub(crate) fn queue_name(&self, class: Class) -> String {
        format!("{}:{}", self.prefix, class.name())
    }

    /// Opens another socket to the same Redis, within the connection's own time limit.
    pub(super) async fn reconnected(&self) -> Result<Self, QueueError> {
        let limit = self.timeouts.connect;
        let opening = async {
            let mut manager =
                ConnectionManager::new_with_config(self.client.clone(), self.config()).await?;
            // A missing password, and a data set that is still being loaded, show only now.
            redis::cmd("PING").exec_async(&mut manager).await?;
            Ok(manager)
        };
        // The limit of the redis crate covers neither the host name's look-up nor the PING.
        match tokio::time::timeout(limit, opening).await {
            Ok(Ok(manager)) => Ok(Self { manager, ..self.clone() }),
            Ok(Err(error)) => Err(QueueError::from_redis(&self.address, &error)),
            Err(_elapsed) => Err(QueueError::Unreachable {
                address: self.address.clone(),
                reason: format!("no answer within {} s", limit.as_secs()),
            }),
        }
    }

    /// Translates an error and makes the next command start with a new socket.
    ///
    /// A manager whose reconnection was answered by an error (wrong password, data set still being
    /// loaded) keeps that error as its answer to everything, for ever.
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
        // Whoever uses the connection has a back-off of its own, and can be stopped meanwhile.
        .set_number_of_retries(0)
}
