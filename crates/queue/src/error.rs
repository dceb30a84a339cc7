//! Errors of the notifiers, in words an administrator can act on.

use redis::RedisError;

/// Reason why a message could not be sent, fetched or counted.
///
/// No variant carries the Redis URL: only `host:port`, so that a password never reaches a log.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The URL in the settings is not a Redis URL. The error omits it: it may contain a password.
    #[error(
        "redis.url is not a Redis URL ({reason}); it looks like redis://HOST:6379/0, \
         rediss://HOST:6379/0 (TLS) or unix:///run/redis.sock"
    )]
    Url {
        /// Problem found by the parser, without the URL itself.
        reason: String,
    },
    /// A setting would make the queue lose or duplicate its messages.
    #[error("Redis cannot be used with these settings: {reason}")]
    Settings {
        /// Name of the setting, and what is allowed.
        reason: String,
    },
    /// The message cannot be serialised as JSON.
    #[error("the message cannot be written as JSON ({reason})")]
    Message {
        /// Error of `serde_json`.
        reason: String,
    },
    /// Redis did not answer, or the connection broke. Another attempt may help.
    #[error(
        "Redis at {address} is not reachable ({reason}); is it running, and is redis.url right?"
    )]
    Unreachable {
        /// `host:port`, or the path of the socket.
        address: String,
        /// Cause, as reported by the operating system or the time limit.
        reason: String,
    },
    /// Redis answered, but rejected the login.
    #[error(
        "Redis at {address} refused the login ({reason}); check the user and password in redis.url"
    )]
    Login {
        /// `host:port`, or the path of the socket.
        address: String,
        /// Error message of Redis.
        reason: String,
    },
    /// PostgreSQL did not take the notification.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    /// Redis answered with an error, or with something that apalis could not use.
    #[error("Redis at {address} answered with an error ({reason})")]
    Answer {
        /// `host:port`, or the path of the socket.
        address: String,
        /// Error message of Redis or apalis.
        reason: String,
    },
}

impl QueueError {
    /// Whether Redis is unreachable (exit code 8, worth another attempt).
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    pub(super) fn from_redis(address: &str, error: &RedisError) -> Self {
        let (address, reason) = (address.to_owned(), error.to_string());
        // Before a login, Redis answers a long command with a protocol error, not with NOAUTH.
        let login = matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
            || reason.contains("unauthenticated")
            || error.kind() == redis::ErrorKind::AuthenticationFailed;
        if login {
            Self::Login { address, reason }
        } else if error.is_io_error() || error.is_unrecoverable_error() || error.is_timeout() {
            Self::Unreachable { address, reason }
        } else {
            Self::Answer { address, reason }
        }
    }

    pub(super) fn from_apalis(address: &str, error: &apalis_redis::Error) -> Self {
        match error {
            apalis_redis::Error::Database(error) => Self::from_redis(address, error),
            other => Self::Answer { address: address.to_owned(), reason: other.to_string() },
        }
    }
}
