//! The accounts themselves, and what is to be said about them before a question.

use ostrakon_server::{Actor, SelectedAccount, Server, count_local_accounts, select_accounts};
use serde_json::{Value, json};

use super::{Many, Source};
use crate::{
    cli::{Output, select},
    failure::Failure,
    numbers::{counted, thousands},
    requests::{self, Changed, Frozen, Overridden},
    session::Session,
};

/// Maximum number of accounts that are shown before a question.
const SAMPLE: usize = 10;

/// Accounts that a command will work on, in the order of their nicknames.
pub(in crate::cli) struct Chosen {
    /// The accounts, none of them staff.
    pub(in crate::cli) accounts: Vec<SelectedAccount>,
    /// Number of all local accounts, of which these are a share.
    pub(in crate::cli) all_local: i64,
    /// Admins and moderators that match the selectors too.
    pub(in crate::cli) staff: i64,
    /// Name of the selection, if they are of one.
    pub(in crate::cli) selection: Option<String>,
    /// Guards that were overridden.
    pub(super) overridden: Option<Overridden>,
    /// Accounts that have changed since and are left out.
    changed: usize,
    /// Sentences about what is left out.
    lines: Vec<String>,
}

impl Many<'_> {
    /// Finds the accounts; none is an error, and a guard may refuse them.
    pub(in crate::cli) async fn choose(
        self,
        (session, server): (&Session, &Server),
        dry_run: bool,
        output: Output,
    ) -> Result<Chosen, Failure> {
        let Self { source, include_changed, scope, guard } = self;
        if matches!(source, Source::Selection(_)) {
            session.require_ledger().await?;
        }
        let mut db = session.pool.acquire().await?;
        let all_local = count_local_accounts(&mut db).await?;
        let mut chosen = match source {
            Source::Selection(name) => {
                let frozen = requests::load_selection(&mut db, server, name).await?;
                Chosen::frozen(frozen, include_changed)
            }
            Source::Selectors(typed) => {
                let (selectors, unknown) = typed.resolve(&mut db, server).await?;
                let selected = select_accounts(&mut db, server, &selectors).await?;
                let mut lines = Vec::new();
                if selected.staff > 0 {
                    let staff = counted(selected.staff, "more accounts");
                    lines.push(format!("Left out, since they are admins or moderators: {staff}."));
                }
                if unknown > 0 {
                    let unknown = thousands(unknown);
                    lines.push(format!("Left out, since they are unknown: {unknown}."));
                }
                let (accounts, staff) = (selected.accounts, selected.staff);
                Chosen {
                    accounts,
                    all_local,
                    staff,
                    selection: None,
                    overridden: None,
                    changed: 0,
                    lines,
                }
            }
        };
        chosen.all_local = all_local;
        if scope.local {
            chosen.leave_out(false, "of other servers");
        }
        if scope.remote {
            chosen.leave_out(true, "of this server");
        }
        if chosen.accounts.is_empty() {
            let mut lines = vec!["No account matches.".to_owned()];
            lines.append(&mut chosen.lines);
            lines.push("Nothing was changed.".to_owned());
            return Err(Failure::NotFound(lines.join("\n")));
        }
        let found =
            requests::guard_share(&session.settings.guard, chosen.local(), chosen.all_local);
        chosen.overridden = guard.check(found, dry_run, output)?;
        Ok(chosen)
    }
}

impl Chosen {
    fn frozen(frozen: Frozen, include_changed: bool) -> Self {
        let Frozen { selection, mut accounts, changed, deactivated } = frozen;
        let mut lines = Vec::new();
        if deactivated > 0 {
            let deactivated = counted(deactivated, "accounts");
            lines.push(format!("Deactivated since, and included: {deactivated}."));
        }
        let (included, left_out): (Vec<Changed>, Vec<Changed>) =
            changed.into_iter().partition(|one| include_changed && one.account.is_some());
        for (what, list) in [("included", &included), ("left out", &left_out)] {
            lines.extend(select::change_lines(what, list, SAMPLE));
        }
        accounts.extend(included.into_iter().filter_map(|one| one.account));
        accounts.sort_by_cached_key(|account| (account.nickname.to_lowercase(), account.id));
        let changed = left_out.len();
        let selection = Some(selection.name);
        Self { accounts, all_local: 0, staff: 0, selection, overridden: None, changed, lines }
    }

    /// Leaves out local accounts, or the others.
    fn leave_out(&mut self, local: bool, what: &str) {
        let all = self.accounts.len();
        self.accounts.retain(|account| account.local != local);
        let number = i64::try_from(all - self.accounts.len()).unwrap_or(i64::MAX);
        if number > 0 {
            let number = counted(number, "accounts");
            self.lines.push(format!("Left out, since they are {what}: {number}."));
        }
    }

    /// Number of the accounts.
    pub(in crate::cli) fn number(&self) -> i64 {
        i64::try_from(self.accounts.len()).unwrap_or(i64::MAX)
    }

    /// Number of those of this server.
    pub(in crate::cli) fn local(&self) -> i64 {
        let local = self.accounts.iter().filter(|account| account.local).count();
        i64::try_from(local).unwrap_or(i64::MAX)
    }

    /// Lines that describe the accounts before a question.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{}: {} of the {} local ones, {} remote{}.",
            counted(self.number(), "accounts"),
            thousands(self.local()),
            thousands(self.all_local),
            thousands(self.number() - self.local()),
            self.selection.as_ref().map_or_else(String::new, |name| format!(" (selection {name})"))
        )];
        lines.extend(select::sample_lines(&self.accounts, SAMPLE));
        lines.extend(self.lines.iter().cloned());
        lines
    }

    /// The same as an object, for a dry run.
    pub(super) fn object(&self, command: &str) -> Value {
        json!({
            "dry_run": true,
            "command": command,
            "selection": self.selection,
            "accounts": self.accounts.len(),
            "local": self.local(),
            "all_local": self.all_local,
            "staff_left_out": self.staff,
            "changed_left_out": self.changed,
        })
    }

    /// Asks whether to go on: for many accounts, their number has to be typed.
    pub(super) fn confirm(
        &self,
        question: &str,
        session: &Session,
        yes: bool,
        output: Output,
    ) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        let above = i64::from(session.settings.guard.typed_above);
        let answer = if self.number() > above {
            let number = thousands(self.number());
            output.ask_number(
                &format!("{question} To go on, type the number of accounts ({number}):"),
                self.number(),
            )
        } else {
            output.ask(&format!("{question} Go on?"))
        };
        match answer {
            Some(true) => Ok(()),
            Some(false) => Err(Failure::Refused("declined; nothing was changed".to_owned())),
            None => Err(Failure::Refused(
                "there is no terminal to ask on: add --yes to do it, or --dry-run to only look\n\
                 Nothing was changed."
                    .to_owned(),
            )),
        }
    }
}

/// An account, as far as jobs need it.
pub(in crate::cli) fn actor(account: &SelectedAccount) -> Actor {
    Actor {
        id: account.id,
        ap_id: account.ap_id.clone(),
        nickname: Some(account.nickname.clone()),
        local: account.local,
        active: account.active,
    }
}
