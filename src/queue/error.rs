//! What can go wrong between ostrakon and Redis, in words an administrator can act on.

use redis::RedisError;

/// Why a message could not be sent, fetched or counted.
///
/// No variant carries the Redis URL: only `host:port`, so that a password never reaches a log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// The URL in the settings is not a Redis URL. Its text is left out: it may hold a password.
    #[error(
        "redis.url is not a Redis URL ({reason}); it looks like redis://HOST:6379/0, \
         rediss://HOST:6379/0 (TLS) or unix:///run/redis.sock"
    )]
    Url {
        /// What the parser found wrong, without the URL itself.
        reason: String,
    },
    /// A setting that would make the queue lose or double its messages.
    #[error("Redis cannot be used with these settings: {reason}")]
    Settings {
        /// Which setting, and what is allowed.
        reason: String,
    },
    /// The message cannot be written as JSON.
    #[error("the message cannot be written as JSON ({reason})")]
    Message {
        /// What `serde_json` says.
        reason: String,
    },
    /// Nobody answered, or the connection broke. Trying again later may help.
    #[error(
        "Redis at {address} is not reachable ({reason}); is it running, and is redis.url right?"
    )]
    Unreachable {
        /// `host:port`, or the path of the socket.
        address: String,
        /// The cause, as the operating system or the time limit gave it.
        reason: String,
    },
    /// Redis answered, but did not let us in.
    #[error(
        "Redis at {address} refused the login ({reason}); check the user and password in redis.url"
    )]
    Login {
        /// `host:port`, or the path of the socket.
        address: String,
        /// Redis's own words.
        reason: String,
    },
    /// Redis answered with an error, or with something that apalis could not use.
    #[error("Redis at {address} answered with an error ({reason})")]
    Answer {
        /// `host:port`, or the path of the socket.
        address: String,
        /// Redis's or apalis's own words.
        reason: String,
    },
}

impl QueueError {
    /// Tells an unreachable Redis (exit code 8, worth another try) from all other errors.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    pub(super) fn from_redis(address: &str, error: &RedisError) -> Self {
        let (address, reason) = (address.to_owned(), error.to_string());
        // Before a login, Redis answers a long command by a protocol error and not by NOAUTH.
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
