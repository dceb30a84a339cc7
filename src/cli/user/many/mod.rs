//! Commands on many accounts: those of a selection, or those that selectors match.

mod chosen;
mod each;
mod runs;

pub(super) use self::{
    chosen::{Chosen, actor},
    each::{QuickAccounts, QuickCommand, for_each},
    runs::{AccountJob, submit_all},
};

use crate::{
    cli::{
        guard::GuardOptions,
        select::{ScopeOptions, SelectorOptions, Typed, no_selector},
    },
    failure::Failure,
};

/// Options, or groups of them, that stand instead of a nickname.
pub(super) const MANY: [&str; 3] = ["selection", "SelectorOptions", "ScopeOptions"];

/// Options that name many accounts instead of one.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Selectors")]
pub(in crate::cli) struct AccountsOptions {
    /// All accounts of a selection instead of NICK: see ostrakon select. --local and --remote narrow
    /// it.
    #[arg(long, value_name = "NAME", conflicts_with = "SelectorOptions")]
    selection: Option<String>,
    /// Include accounts that have changed since the selection was saved.
    #[arg(long, requires = "selection")]
    include_changed: bool,
    #[command(flatten)]
    selectors: SelectorOptions,
    #[command(flatten)]
    guard: GuardOptions,
}

/// Accounts that a command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only accounts of this server.
    Local,
    /// Accounts of any server.
    Any,
}

/// What a command was given.
pub(super) enum Subjects<'a> {
    /// One nickname.
    One(&'a str),
    /// Many accounts.
    Many(Many<'a>),
}

/// Many accounts, as they were typed.
pub(super) struct Many<'a> {
    source: Source<'a>,
    include_changed: bool,
    scope: ScopeOptions,
    guard: &'a GuardOptions,
}

enum Source<'a> {
    Selection(&'a str),
    Selectors(Box<Typed>),
}

impl AccountsOptions {
    /// Whether any of these options is given.
    pub(super) fn is_given(&self, scope: ScopeOptions) -> bool {
        self.selection.is_some() || scope.local || scope.remote || self.selectors.is_given()
    }

    /// Reads what the command is about.
    pub(super) fn subjects<'a>(
        &'a self,
        nickname: Option<&'a str>,
        scope: ScopeOptions,
        reach: Reach,
    ) -> Result<Subjects<'a>, Failure> {
        if let Some(nickname) = nickname {
            // Clap does not ask for an option that another one excludes.
            if self.include_changed || self.is_given(ScopeOptions::default()) {
                return Err(Failure::Usage(
                    "give a nickname, or --selection or selectors, not both\nNothing was changed."
                        .to_owned(),
                ));
            }
            self.guard.refuse_for_one()?;
            return Ok(Subjects::One(nickname));
        }
        let typed_scope = scope;
        let scope = scope.within(reach == Reach::Local)?;
        let source = if let Some(name) = &self.selection {
            Source::Selection(name)
        } else {
            let mut typed = self.selectors.read(typed_scope)?.ok_or_else(no_selector)?;
            if reach == Reach::Local {
                typed.only_local()?;
            }
            Source::Selectors(Box::new(typed))
        };
        Ok(Subjects::Many(Many {
            source,
            include_changed: self.include_changed,
            scope,
            guard: &self.guard,
        }))
    }
}
