//! What the command line may set. Secrets are not among it: everybody on the machine sees a process's arguments.

use std::path::PathBuf;

use figment::value::Value;

use super::origin::{Layer, Origin};

/// Settings from the command line; the command line fills in what was typed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `--config`: the config file, which must exist then.
    pub(crate) config: Option<PathBuf>,
    /// For `instance_url`.
    pub(crate) instance_url: Option<String>,
    /// For `worker.concurrency`.
    pub(crate) worker_concurrency: Option<u32>,
    /// For `worker.short_concurrency`.
    pub(crate) worker_short_concurrency: Option<u32>,
    /// For `log.level`.
    pub(crate) log_level: Option<String>,
    /// For `log.format`.
    pub(crate) log_format: Option<String>,
}

impl Overrides {
    pub(super) fn layers(&self) -> impl Iterator<Item = Layer> {
        let count = |value: Option<u32>| value.map(i64::from).map(Value::from);
        let text = |value: &Option<String>| value.as_deref().map(Value::from);
        [
            ("instance_url", text(&self.instance_url)),
            ("worker.concurrency", count(self.worker_concurrency)),
            ("worker.short_concurrency", count(self.worker_short_concurrency)),
            ("log.level", text(&self.log_level)),
            ("log.format", text(&self.log_format)),
        ]
        .into_iter()
        .filter_map(|(path, value)| Some(Layer::value(Origin::Flag, path, value?)))
    }
}
