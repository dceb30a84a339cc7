//! `ostrakon select`: accounts that match selectors.

mod listing;
mod moment;
mod name_file;
mod selectors;

use ostrakon_server::{count_local_accounts, select_accounts};

use self::{
    listing::Summary,
    selectors::{ScopeOptions, SelectorOptions, no_selector},
};
use super::{Failure, Output};
use crate::{session::Session, settings::Settings};
#[cfg(any(test, fuzzing))]
pub(crate) use name_file::check as check_name_file;

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: ostrakon select --created 2026-11-20..22 --email-domain spam.example --never-posted

An account has to match all selectors. Admins and moderators are never selected.")]
pub(super) struct Options {
    /// Maximum number of accounts to show.
    #[arg(long, value_name = "N", default_value_t = 20)]
    sample: usize,
    #[command(flatten)]
    scope: ScopeOptions,
    #[command(flatten)]
    selectors: SelectorOptions,
}

/// Lists the accounts that match.
pub(super) async fn run(
    options: &Options,
    settings: Settings,
    output: Output,
) -> Result<(), Failure> {
    let typed = options.selectors.read(options.scope)?.ok_or_else(no_selector)?;
    let session = Session::connect(settings).await?;
    let server = session.server().await?;
    let mut db = session.pool.acquire().await?;
    let (selectors, unknown) = typed.resolve(&mut db, &server).await?;
    let selected = select_accounts(&mut db, &server, &selectors).await?;
    let number = i64::try_from(selected.accounts.len()).unwrap_or(i64::MAX);
    let summary = Summary {
        command: "select",
        accounts: selected.accounts.len(),
        local: selected.local(),
        remote: number - selected.local(),
        all_local: count_local_accounts(&mut db).await?,
        staff_left_out: selected.staff,
        unknown_left_out: unknown,
        digest: &selected.digest(),
        selectors: &selectors,
    };
    listing::show(&selected, &summary, options.sample, output);
    Ok(())
}
