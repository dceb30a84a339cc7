//! Guards: requests that are probably a mistake. `--yes` does not skip them; a reason overrides
//! them, and is recorded.

use ostrakon_jobs::deactivate_instance::{Host, HostFigures};
use ostrakon_server::Server;
use serde::Serialize;

use crate::{
    numbers::{counted, thousands},
    settings::GuardSettings,
};

/// Guards that an operator has overridden; recorded with what was requested.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Overridden {
    /// Reason that the operator gives.
    pub(crate) reason: String,
    /// What the guards have found.
    pub(crate) guards: Vec<String>,
}

/// Guards a host: against a parent domain of this server, and against one that many people here
/// follow.
pub(crate) fn guard_host(
    settings: &GuardSettings,
    server: &Server,
    host: &Host,
    figures: HostFigures,
) -> Vec<String> {
    let own = &server.host;
    let is_parent = own.ends_with(&host.suffix());
    let parent = is_parent
        .then(|| format!("{host} is a parent domain of this server's own host {own}"))
        .into_iter();
    let followed = (figures.followers > i64::from(settings.followed_above)).then(|| {
        format!(
            "{} of this server follow accounts of {host}, more than guard.followed_above ({})",
            counted(figures.followers, "people"),
            thousands(i64::from(settings.followed_above))
        )
    });
    parent.chain(followed).collect()
}

/// Guards many accounts: against a large share of all local ones.
pub(crate) fn guard_share(settings: &GuardSettings, chosen: i64, all: i64) -> Vec<String> {
    let percent = i64::from(settings.max_share_percent);
    let exceeds = chosen.saturating_mul(100) > all.saturating_mul(percent);
    exceeds
        .then(|| {
            format!(
                "{} of the {} local accounts are more than guard.max_share_percent ({percent} %)",
                thousands(chosen),
                thousands(all)
            )
        })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exceeded_only_beyond_the_bound() {
        let settings = GuardSettings { typed_above: 0, max_share_percent: 20, followed_above: 0 };
        for (chosen, all, found) in
            [(0, 0, 0), (1, 5, 0), (2, 9, 1), (200, 1_000, 0), (201, 1_000, 1)]
        {
            assert_eq!(guard_share(&settings, chosen, all).len(), found, "{chosen} of {all}");
        }
        let none = GuardSettings { max_share_percent: 100, ..settings };
        assert!(guard_share(&none, 1_000, 1_000).is_empty());
    }
}
