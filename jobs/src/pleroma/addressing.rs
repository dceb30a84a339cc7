//! Who activities and objects are addressed to (docs/semantics.md 1.2). The addresses of what is in
//! the database stay there.

use super::Server;

/// The `ActivityStreams` collection of everybody.
pub const fn as_public() -> &'static str {
    "https://www.w3.org/ns/activitystreams#Public"
}

/// Addresses as a new activity carries them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// Field `to`.
    pub to: Vec<String>,
    /// Field `cc`.
    pub cc: Vec<String>,
}

impl Server {
    /// The address of everybody on this server.
    pub fn local_public(&self) -> String {
        format!("{}/#Public", self.base_url)
    }
}
