//! Settings from the command line. No secrets: every user of the machine can see a process's
//! arguments.

use std::path::PathBuf;

use figment::value::Value;

use super::origin::{Layer, Origin};

/// Settings that were given on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// Config file from `--config`, which must exist.
    pub(crate) config: Option<PathBuf>,
    /// Value for `instance_url`.
    pub(crate) instance_url: Option<String>,
    /// Value for `worker.concurrency`.
    pub(crate) worker_concurrency: Option<u32>,
    /// Value for `worker.short_concurrency`.
    pub(crate) worker_short_concurrency: Option<u32>,
    /// Value for `log.level`.
    pub(crate) log_level: Option<String>,
    /// Value for `log.format`.
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
