//! `ostrakon user set NICK`

use ostrakon_server::{
    self, AccountCache, Actor, ModerationAction, Refresh, Role, TaskOutput, is_last_admin,
    set_confirmation, set_role,
};
use serde::Serialize;
use serde_json::json;

use super::{
    confirm::confirmation_effect,
    many::{MANY, QuickAccounts, QuickCommand, Reach, Subjects, for_each},
    quick_change::{ChangeOptions, QuickChange, StaffOptions},
};
use crate::{
    cli::{Output, select::ScopeOptions},
    failure::Failure,
    session::Session,
};

/// What can be typed. Of an option and its opposite the later one counts, as for the original.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user set alice --moderator --no-locked")]
pub(in crate::cli) struct Options {
    /// Nickname of the account.
    #[arg(value_name = "NICK", id = "NICK", required_unless_present_any = MANY, conflicts_with_all = MANY)]
    nickname: Option<String>,
    /// Make it an admin.
    #[arg(long, overrides_with_all = ["admin", "no_admin"])]
    admin: bool,
    /// Remove the admin role.
    #[arg(long, overrides_with_all = ["admin", "no_admin"])]
    no_admin: bool,
    /// Make it a moderator.
    #[arg(long, overrides_with_all = ["moderator", "no_moderator"])]
    moderator: bool,
    /// Remove the moderator role.
    #[arg(long, overrides_with_all = ["moderator", "no_moderator"])]
    no_moderator: bool,
    /// Require approval of follow requests.
    #[arg(long, overrides_with_all = ["locked", "no_locked"])]
    locked: bool,
    /// Accept follow requests without approval.
    #[arg(long, overrides_with_all = ["locked", "no_locked"])]
    no_locked: bool,
    /// Mark its e-mail address as confirmed.
    #[arg(long, overrides_with_all = ["confirmed", "no_confirmed"])]
    confirmed: bool,
    /// Mark its e-mail address as unconfirmed.
    #[arg(long, overrides_with_all = ["confirmed", "no_confirmed"])]
    no_confirmed: bool,
    /// Keep the account signed in when it loses a role. A server that cannot reload the account
    /// grants the role until it restarts.
    #[arg(long)]
    keep_sessions: bool,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    staff: StaffOptions,
    #[command(flatten)]
    many: QuickAccounts,
    #[command(flatten)]
    scope: ScopeOptions,
}

/// Requested changes; empty for options that were not given.
#[derive(Debug, Default, Serialize)]
struct Wishes {
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moderator: Option<bool>,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: &'a str,
    #[serde(flatten)]
    wishes: &'a Wishes,
    changed: &'a [&'static str],
    signed_out: bool,
}

/// Property that can be set.
#[derive(Debug, Clone, Copy)]
enum Switch {
    Admin,
    Confirmed,
    Locked,
    Moderator,
}

impl Options {
    fn wishes(&self) -> Wishes {
        let requested = |yes: bool, no: bool| (yes || no).then_some(yes);
        Wishes {
            admin: requested(self.admin, self.no_admin),
            confirmed: requested(self.confirmed, self.no_confirmed),
            locked: requested(self.locked, self.no_locked),
            moderator: requested(self.moderator, self.no_moderator),
        }
    }
}

impl Wishes {
    /// In the original's order, whatever the order on the command line.
    fn in_order(&self) -> impl Iterator<Item = (Switch, bool)> {
        [
            (Switch::Admin, self.admin),
            (Switch::Confirmed, self.confirmed),
            (Switch::Locked, self.locked),
            (Switch::Moderator, self.moderator),
        ]
        .into_iter()
        .filter_map(|(switch, requested)| requested.map(|on| (switch, on)))
    }
}

/// Sets everything requested, or nothing, of an account or of many.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Options { nickname, change, staff, scope, many, .. } = options;
    match many.accounts.subjects(nickname.as_deref(), *scope, Reach::Local)? {
        Subjects::One(nickname) => {
            many.refuse_for_one()?;
            let mut begun = QuickChange::begin_as(session, change, staff).await?;
            let account = begun.local(nickname).await?;
            set_one(options, begun, account, nickname.to_owned(), output).await
        }
        Subjects::Many(accounts) => {
            if options.wishes().in_order().next().is_none() {
                return Err(Failure::Usage(
                    "nothing is to be set: give an option such as --locked\nNothing was changed."
                        .to_owned(),
                ));
            }
            let command = QuickCommand { name: "set", many, change, staff: Some(staff) };
            for_each(command, accounts, session, output, |begun, account, nickname, output| {
                set_one(options, begun, account, nickname, output)
            })
            .await
        }
    }
}

async fn set_one(
    options: &Options,
    mut change: QuickChange<'_>,
    account: Actor,
    typed: String,
    output: Output,
) -> Result<(), Failure> {
    let wishes = options.wishes();
    let last_admin = wishes.admin == Some(false)
        && is_last_admin(&mut change.db, &change.server, account.id).await?;
    let mut turned = Vec::new();
    for (switch, on) in wishes.in_order() {
        if turn(&mut change, &account, switch, on).await? {
            turned.push((switch, on));
        }
    }
    let signed_out = tell(&mut change, &account, &turned, options.keep_sessions).await?;
    let changed: Vec<&str> = turned.iter().map(|(switch, _)| switch.name()).collect();
    let words = change.server.dialect.task_output;
    let mut detail = json!({ "set": wishes, "changed": changed });
    if signed_out {
        detail["signed_out"] = true.into();
    }
    change.commit("set", &typed, &detail, output).await?;
    let nickname = account.nickname.as_deref().unwrap_or(&typed);
    if signed_out {
        output.note(format!(
            "note: {nickname} was signed out of all apps, because the running server cannot \
             reload its roles (--keep-sessions keeps it signed in, with the role's rights)"
        ));
    }
    for (switch, on) in wishes.in_order() {
        output.result(line(nickname, switch, on, words));
    }
    output.object(&Object {
        command: "set",
        nickname,
        wishes: &wishes,
        changed: &changed,
        signed_out,
    });
    if last_admin {
        output.warning(format!(
            "{nickname} was the last active admin: no account can use the server's admin pages \
             now. Give the role to an account with: ostrakon user set NICK --admin"
        ));
    }
    Ok(())
}

/// Makes the running server reload the account. If that is impossible, its cache keeps granting a
/// revoked role to every existing token, so the tokens are deleted, unless `keep_sessions` is set.
/// Returns whether they were. (Pleroma 2.2 reads the account at every request.)
async fn tell(
    change: &mut QuickChange<'_>,
    account: &Actor,
    turned: &[(Switch, bool)],
    keep_sessions: bool,
) -> Result<bool, Failure> {
    if turned.is_empty() {
        return Ok(false);
    }
    let is_role = |switch| matches!(switch, Switch::Admin | Switch::Moderator);
    let taken = turned.iter().any(|(switch, on)| is_role(*switch) && !on);
    let remembers = change.server.dialect.account_cache != AccountCache::ProfileOnly;
    let (first, rest) = turned.split_at(1);
    let mut reported = true;
    for (switch, on) in first {
        reported = change.refresh(&[account.id], switch.effect(*on, keep_sessions)).await?;
    }
    if !reported && change.server.refresh == Refresh::Auto {
        for (switch, on) in rest {
            change.stale(switch.effect(*on, keep_sessions));
        }
    }
    let sign_out = taken && remembers && !reported && !keep_sessions;
    if sign_out {
        ostrakon_server::sign_out(&mut change.db, account.id).await?;
    }
    Ok(sign_out)
}

/// Sets one property, and records an actual change in the moderation log.
async fn turn(
    change: &mut QuickChange<'_>,
    account: &Actor,
    switch: Switch,
    on: bool,
) -> Result<bool, Failure> {
    let (db, server) = (&mut *change.db, &change.server);
    let changed = match switch {
        Switch::Admin => set_role(db, server, account.id, Role::Admin, on).await?,
        Switch::Confirmed => set_confirmation(db, server, account.id, on).await?,
        Switch::Locked => set_role(db, server, account.id, Role::Locked, on).await?,
        Switch::Moderator => set_role(db, server, account.id, Role::Moderator, on).await?,
    };
    if let Some(action) = switch.action(on).filter(|_| changed) {
        change.log(action, account).await?;
    }
    Ok(changed)
}

impl Switch {
    fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Confirmed => "confirmed",
            Self::Locked => "locked",
            Self::Moderator => "moderator",
        }
    }

    /// Delayed effect if the running server cannot reload the account.
    fn effect(self, on: bool, keep_sessions: bool) -> &'static str {
        match (self, on) {
            (Self::Admin, true) => "the rights of an admin do not work",
            (Self::Moderator, true) => "the rights of a moderator do not work",
            (Self::Admin | Self::Moderator, false) if keep_sessions => {
                "signed-in sessions keep the role's rights (ostrakon user sign_out ends them)"
            }
            (Self::Admin | Self::Moderator, false) => "the role may still be shown",
            (Self::Locked, true) => "it can be followed without approval",
            (Self::Locked, false) => "follow requests still need approval",
            (Self::Confirmed, on) => confirmation_effect(on),
        }
    }

    /// Entry in the moderation log, if there is one for this change.
    fn action(self, on: bool) -> Option<ModerationAction<'static>> {
        match (self, on) {
            (Self::Admin | Self::Moderator, true) => Some(ModerationAction::Grant(self.name())),
            (Self::Admin | Self::Moderator, false) => Some(ModerationAction::Revoke(self.name())),
            (Self::Confirmed, true) => Some(ModerationAction::ConfirmEmail),
            (Self::Confirmed, false) | (Self::Locked, _) => None,
        }
    }
}

/// The original's line (docs/semantics.md 4.2).
fn line(nickname: &str, switch: Switch, on: bool, words: TaskOutput) -> String {
    match (switch, words) {
        (Switch::Admin, _) => format!("Admin status of {nickname}: {on}"),
        (Switch::Confirmed, TaskOutput::Deactivated) => {
            format!("Confirmation pending status of {nickname}: {}", !on)
        }
        (Switch::Confirmed, _) => format!("Confirmation status of {nickname}: {on}"),
        (Switch::Locked, _) => format!("Locked status of {nickname}: {on}"),
        (Switch::Moderator, _) => format!("Moderator status of {nickname}: {on}"),
    }
}
