//! Recipients of activities and objects (docs/semantics.md 1.2). The addresses of rows in the
//! database stay there.

use super::Server;

/// Address of the public: the `ActivityStreams` collection of everybody.
pub const fn as_public() -> &'static str {
    "https://www.w3.org/ns/activitystreams#Public"
}

/// Addresses of a new activity.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// Field `to`.
    pub to: Vec<String>,
    /// Field `cc`.
    pub cc: Vec<String>,
}

impl Server {
    /// Address of everybody on this server.
    pub fn local_public(&self) -> String {
        format!("{}/#Public", self.base_url)
    }
}
