//! `ostrakon select`: accounts that match selectors.

mod describe;
mod listing;
mod moment;
mod name_file;
mod saved;
mod selectors;

use ostrakon_server::{count_local_accounts, select_accounts};

use self::listing::Summary;
pub(super) use self::{
    listing::sample_lines,
    saved::change_lines,
    selectors::{ScopeOptions, SelectorOptions, Typed, no_selector},
};
use super::{Failure, Output};
use crate::numbers::counted;
use crate::{requests, session::Session, settings::Settings};
#[cfg(any(test, fuzzing))]
pub(crate) use name_file::check as check_name_file;

/// Maximum length of a selection's name.
const NAME_MAX: usize = 64;

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Example: ostrakon select --created 2026-11-20..22 --email-domain spam.example --never-posted

An account has to match all selectors. Admins and moderators are never selected."
)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<saved::Command>,
    /// Freeze the accounts under this name, for ostrakon select show and --selection.
    #[arg(long, value_name = "NAME", value_parser = selection_name)]
    save: Option<String>,
    /// Reason of the selection, for the record.
    #[arg(long, value_name = "TEXT", requires = "save")]
    reason: Option<String>,
    /// Maximum number of accounts to show.
    #[arg(long, value_name = "N", default_value_t = 20)]
    sample: usize,
    #[command(flatten)]
    scope: ScopeOptions,
    #[command(flatten)]
    selectors: SelectorOptions,
}

impl Options {
    /// Whether nothing is changed.
    pub(super) fn only_reads(&self) -> bool {
        match &self.command {
            None => self.save.is_none(),
            Some(saved::Command::Edit(_) | saved::Command::Drop(_)) => false,
            Some(_) => true,
        }
    }
}

/// Lists the accounts that match, and freezes them; or executes a command about a selection.
pub(super) async fn run(
    options: &Options,
    settings: Settings,
    output: Output,
) -> Result<(), Failure> {
    if let Some(command) = &options.command {
        return saved::run(command, &Session::connect(settings).await?, output).await;
    }
    let typed = options.selectors.read(options.scope)?.ok_or_else(no_selector)?;
    let session = Session::connect(settings).await?;
    if options.save.is_some() {
        session.require_ledger().await?;
    }
    let server = session.server().await?;
    let mut db = session.pool.acquire().await?;
    let (selectors, unknown) = typed.resolve(&mut db, &server).await?;
    let selected = select_accounts(&mut db, &server, &selectors).await?;
    let number = i64::try_from(selected.accounts.len()).unwrap_or(i64::MAX);
    let summary = Summary {
        command: "select",
        selection: options.save.as_deref(),
        accounts: selected.accounts.len(),
        local: selected.local(),
        remote: number - selected.local(),
        all_local: count_local_accounts(&mut db).await?,
        staff_left_out: selected.staff,
        unknown_left_out: unknown,
        digest: &selected.digest(),
        selectors: &selectors,
    };
    let saved = match &options.save {
        Some(name) => {
            drop(db);
            let reason = options.reason.as_deref();
            Some(requests::save_selection(&session, name, &selectors, &selected, reason).await?)
        }
        None => None,
    };
    listing::show(&selected, &summary, options.sample, output);
    if let Some(selection) = saved {
        let (name, number) = (&selection.name, counted(selection.accounts, "accounts"));
        output.result(format!("Saved as {name}: {number}."));
    }
    Ok(())
}

/// Names that need no quotes anywhere.
fn selection_name(typed: &str) -> Result<String, String> {
    let ordinary = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = (1..=NAME_MAX).contains(&typed.len()) && !typed.starts_with('-');
    if fits && typed.chars().all(ordinary) {
        Ok(typed.to_owned())
    } else {
        Err(format!("give 1 to {NAME_MAX} letters, digits, \".\", \"_\" or \"-\""))
    }
}
