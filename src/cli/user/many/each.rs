//! Commands that change each account immediately, in a transaction of its own.

use std::{future::Future, sync::Arc};

use ostrakon_server::{Actor, Server};

use super::{AccountsOptions, Chosen, Many};
use crate::{
    cli::{
        Output,
        plan::end_dry_run,
        user::quick_change::{ChangeOptions, QuickChange, StaffOptions},
    },
    failure::Failure,
    numbers::counted,
    requests::Interrupts,
    session::Session,
};

/// Options of the commands that change accounts immediately.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct QuickAccounts {
    /// Show which accounts would be changed; change nothing. Only for many accounts.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation. Only for many accounts: one is changed without asking.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    pub(in crate::cli) accounts: AccountsOptions,
}

impl QuickAccounts {
    /// Refuses options that would mean nothing for one account.
    pub(in crate::cli) fn refuse_for_one(&self) -> Result<(), Failure> {
        match (self.dry_run, self.yes) {
            (false, false) => Ok(()),
            (dry_run, _) => {
                let option = if dry_run { "--dry-run" } else { "--yes" };
                Err(Failure::Usage(format!(
                    "{option} is for many accounts, with --selection or selectors\nNothing was \
                     changed."
                )))
            }
        }
    }
}

/// Command that changes accounts immediately.
#[derive(Clone, Copy)]
pub(in crate::cli) struct QuickCommand<'a> {
    /// Its name.
    pub(in crate::cli) name: &'static str,
    /// Which accounts, and whether to ask.
    pub(in crate::cli) many: &'a QuickAccounts,
    /// For the record.
    pub(in crate::cli) change: &'a ChangeOptions,
    /// On whose behalf, if the server's moderation log has words for it.
    pub(in crate::cli) staff: Option<&'a StaffOptions>,
}

/// Shows the accounts, asks once, and changes one after another: `change` commits a transaction
/// that has just begun. A failure stops no other; Ctrl-C stops between two of them.
pub(in crate::cli) async fn for_each<'a, C>(
    command: QuickCommand<'a>,
    many: Many<'_>,
    session: &Session,
    output: Output,
    mut change: impl FnMut(QuickChange<'a>, Actor, String, Output) -> C,
) -> Result<(), Failure>
where
    C: Future<Output = Result<(), Failure>>,
{
    let server = Arc::new(session.server().await?);
    let chosen = many.choose((session, &server), command.many.dry_run, output).await?;
    if let Some(staff) = command.staff {
        staff.look_up(session, &server).await?;
    }
    if command.many.dry_run {
        for line in chosen.lines() {
            output.result(line);
        }
        output.object(&chosen.object(command.name));
        end_dry_run(&server, output);
        return Ok(());
    }
    ask(command, &chosen, session, &server, output).await?;
    let mut interrupts = Interrupts::listen(None)?;
    let mut ends = Ends { all: chosen.number(), done: 0, failed: 0 };
    for account in &chosen.accounts {
        tokio::select! {
            biased;
            _ = interrupts.next() => {}
            () = std::future::ready(()) => {}
        }
        if interrupts.stopped().is_some() {
            return Err(Failure::Interrupted(ends.stopped()));
        }
        // What holds for all of them is said once.
        let output = Output { quiet: output.quiet || ends.done > 0, ..output };
        let changed = async {
            let mut begun =
                QuickChange::begin_on(session, Arc::clone(&server), command.change).await?;
            begun.overridden.clone_from(&chosen.overridden);
            if let Some(staff) = command.staff {
                begun = begun.on_behalf_of(staff).await?;
            }
            let actor = begun.again(account).await?;
            change(begun, actor, account.nickname.clone(), output).await
        };
        match changed.await {
            Ok(()) => ends.done += 1,
            Err(Failure::Unreachable(text)) => {
                return Err(Failure::Unreachable(text).and(&ends.stopped()));
            }
            Err(failure) => {
                output.error(format!("{}: {failure}", account.nickname));
                ends.failed += 1;
            }
        }
    }
    ends.conclude(command.name, output)
}

async fn ask(
    command: QuickCommand<'_>,
    chosen: &Chosen,
    session: &Session,
    server: &Server,
    output: Output,
) -> Result<(), Failure> {
    server.require_writable()?;
    session.require_ledger().await?;
    let yes = command.many.yes;
    for line in chosen.lines() {
        if yes {
            output.note(line);
        } else {
            Output::attention(line);
        }
    }
    let question = format!("{} for {}.", command.name, counted(chosen.number(), "accounts"));
    chosen.confirm(&question, session, yes, output)
}

/// Numbers of accounts.
struct Ends {
    all: i64,
    done: i64,
    failed: i64,
}

impl Ends {
    fn stopped(&self) -> String {
        let Self { all, done, failed } = self;
        format!(
            "Stopped: {done} of {} done, {failed} failed, {} not begun. The same command again does \
             the rest.",
            counted(*all, "accounts"),
            all - done - failed
        )
    }

    fn conclude(self, command: &str, output: Output) -> Result<(), Failure> {
        let Self { all, done, failed } = self;
        let all = counted(all, "accounts");
        match (done, failed) {
            (_, 0) => {
                output.note(format!("{command}: {done} of {all} done."));
                Ok(())
            }
            (0, _) => Err(Failure::Failed(format!("{command} failed for all of {all}"))),
            _ => Err(Failure::Parked(format!(
                "{command}: {done} of {all} done, {failed} failed; the reasons stand above. The \
                 same command again tries them again"
            ))),
        }
    }
}
