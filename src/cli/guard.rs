//! `--override REASON`: what a request needs if a guard finds it to be a mistake.

use ostrakon_jobs::deactivate_instance::{Host, HostFigures, host_figures};
use ostrakon_server::Server;
use serde_json::json;

use super::{Output, submit::RunOptions};
use crate::{
    failure::Failure,
    requests::{Overridden, guard_host},
    session::Session,
};

/// Maximum number of findings that are listed.
const SHOWN: usize = 20;

/// Option of the commands that are guarded.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct GuardOptions {
    /// Do it although a guard objects; the reason is recorded. --yes does not skip a guard.
    #[arg(id = "override", long = "override", value_name = "REASON")]
    reason: Option<String>,
}

impl GuardOptions {
    /// Refuses the option where no guard can object.
    pub(super) fn refuse_for_one(&self) -> Result<(), Failure> {
        match self.reason {
            None => Ok(()),
            Some(_) => Err(Failure::Usage(
                "--override is for many accounts, with --selection or selectors\nNothing was \
                 changed."
                    .to_owned(),
            )),
        }
    }

    /// Guards one host, with its sub-domains or without; returns the options of the request.
    pub(super) async fn check_host(
        &self,
        (host, include_subdomains): (&Host, bool),
        (session, server): (&Session, &Server),
        submit: &RunOptions,
        output: Output,
    ) -> Result<RunOptions, Failure> {
        let hosts = [host.clone()];
        let figures = {
            let mut db = session.pool.acquire().await?;
            host_figures(&mut db, server, &hosts, include_subdomains).await?
        };
        self.check_hosts(hosts.iter().zip(figures), (session, server), submit, output)
    }

    /// Guards hosts, each with its figures; returns the options of the request.
    pub(super) fn check_hosts<'a>(
        &self,
        hosts: impl Iterator<Item = (&'a Host, HostFigures)>,
        (session, server): (&Session, &Server),
        submit: &RunOptions,
        output: Output,
    ) -> Result<RunOptions, Failure> {
        let settings = &session.settings.guard;
        let found = hosts.flat_map(|(host, figures)| guard_host(settings, server, host, figures));
        let overridden = self.check(found.collect(), submit.dry_run, output)?;
        Ok(RunOptions { overridden, ..submit.clone() })
    }

    /// Refuses what guards have found, unless it is overridden. A dry run only shows it.
    pub(super) fn check(
        &self,
        found: Vec<String>,
        dry_run: bool,
        output: Output,
    ) -> Result<Option<Overridden>, Failure> {
        let reason = self.reason.as_deref().map(str::trim);
        if reason == Some("") {
            let empty = "--override needs a reason, which is recorded\nNothing was changed.";
            return Err(Failure::Usage(empty.to_owned()));
        }
        if found.is_empty() {
            if reason.is_some() {
                output.note("No guard objects: --override has no effect.");
            }
            return Ok(None);
        }
        let mut lines: Vec<String> = found.iter().take(SHOWN).cloned().collect();
        if found.len() > SHOWN {
            lines.push(format!("… and {} more", found.len() - SHOWN));
        }
        if dry_run {
            for line in lines {
                output.warning(format!("guard: {line}"));
            }
            output.note("To do it needs --override REASON.");
            output.object(&json!({ "dry_run": true, "guards": found }));
            return Ok(None);
        }
        let Some(reason) = reason else {
            lines.push(
                "--yes does not skip this. If you mean it, add --override REASON, which is \
                 recorded.\nNothing was changed."
                    .to_owned(),
            );
            return Err(Failure::Refused(lines.join("\n")));
        };
        for line in lines {
            output.warning(format!("overridden: {line}"));
        }
        Ok(Some(Overridden { reason: reason.to_owned(), guards: found }))
    }
}
