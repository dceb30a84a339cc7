//! Telling other servers without the server's own fan-out.

use serde::{Deserialize, Serialize};

/// Who finds out the inboxes that an activity goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fanout {
    /// The server, by a `publish` job.
    Server,
    /// This program, by a `publish_one` job per inbox.
    Kenoma,
}
