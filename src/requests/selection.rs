//! Selections: freezing accounts, changing the list, and what has changed about them since.

use std::collections::HashMap;

use ostrakon_engine::ledger::{self, FrozenAccount, NewAction, NewSelection, Selection};
use ostrakon_server::{
    AccountName, Selected, SelectedAccount, Selectors, Server, digest, find_named,
    matching_accounts, no_longer_matching,
};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    failure::Failure,
    session::{Session, operator},
};

/// A selection, and its accounts as they are now.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// The selection.
    pub(crate) selection: Selection,
    /// Accounts that are as they were, in the order of their nicknames. They may have been
    /// deactivated since.
    pub(crate) accounts: Vec<SelectedAccount>,
    /// Accounts that have changed.
    pub(crate) changed: Vec<Changed>,
    /// Number of accounts that were active and are no longer.
    pub(crate) deactivated: i64,
}

/// Account that has changed since it was frozen.
#[derive(Debug)]
pub(crate) struct Changed {
    /// Row id of the account.
    pub(crate) id: Uuid,
    /// Its nickname at that time.
    pub(crate) nickname: String,
    /// What has changed.
    pub(crate) reason: String,
    /// The account now, unless it is gone or may never be selected.
    pub(crate) account: Option<SelectedAccount>,
}

/// Freezes accounts under a name.
pub(crate) async fn save_selection(
    session: &Session,
    name: &str,
    selectors: &Selectors,
    selected: &Selected,
    reason: Option<&str>,
) -> Result<Selection, Failure> {
    if selected.accounts.is_empty() {
        return Err(Failure::NotFound("No account matches; nothing was saved.".to_owned()));
    }
    let selectors = json(selectors)?;
    let mut tx = ostrakon_engine::begin(&session.pool, &session.settings.batch).await?;
    let requested_by = operator();
    let digest = selected.digest();
    let new = NewSelection {
        name,
        selectors: &selectors,
        digest: &digest,
        requested_by: &requested_by,
        reason,
    };
    if !ledger::new_selection(&mut tx, &new).await? {
        return Err(Failure::Refused(format!(
            "a selection {name} exists: give another name, or drop it with: ostrakon select drop \
             {name}\nNothing was changed."
        )));
    }
    let list: Vec<FrozenAccount> =
        selected.accounts.iter().map(|account| frozen(account, false)).collect();
    ledger::add_to_selection(&mut tx, name, &list).await?;
    ledger::sum_up_selection(&mut tx, name, &digest, false).await?;
    let detail = json!({ "accounts": list.len(), "digest": digest, "selectors": selectors });
    record(&mut tx, "select_save", name, reason, &detail).await?;
    let selection = found(ledger::find_selection(&mut tx, name).await?, name)?;
    tx.commit().await?;
    Ok(selection)
}

/// Reads a selection, and finds out what has changed about its accounts.
pub(crate) async fn load_selection(
    db: &mut PgConnection,
    server: &Server,
    name: &str,
) -> Result<Frozen, Failure> {
    let selection = found(ledger::find_selection(&mut *db, name).await?, name)?;
    let list = ledger::frozen_accounts(&mut *db, name).await?;
    let selectors: Selectors = serde_json::from_value(selection.selectors.clone())
        .map_err(|error| unreadable(name, &error))?;
    let ids = list.iter().map(|frozen| frozen.account).collect();
    let mut now: HashMap<Uuid, SelectedAccount> = by_ids(&mut *db, server, ids).await?;
    let chosen: Vec<Uuid> = list
        .iter()
        .filter(|frozen| !frozen.added && now.contains_key(&frozen.account))
        .map(|frozen| frozen.account)
        .collect();
    let mut missed = no_longer_matching(db, server, &selectors, &chosen).await?;
    let (mut accounts, mut changed, mut deactivated) = (Vec::new(), Vec::new(), 0);
    for frozen in &list {
        let account = now.remove(&frozen.account);
        let reason = change(frozen, account.as_ref(), missed.remove(&frozen.account));
        match (reason, account) {
            (None, Some(account)) => {
                deactivated += i64::from(frozen.active && !account.active);
                accounts.push(account);
            }
            (reason, account) => changed.push(Changed {
                id: frozen.account,
                nickname: frozen.nickname.clone(),
                reason: reason.unwrap_or_else(|| GONE.to_owned()),
                account: account.filter(|account| !account.staff),
            }),
        }
    }
    Ok(Frozen { selection, accounts, changed, deactivated })
}

const GONE: &str = "it does not exist any more";

/// What has changed about an account. A deactivation is no reason to leave it out: it is what
/// usually comes before a removal.
fn change(
    frozen: &FrozenAccount,
    now: Option<&SelectedAccount>,
    missed: Option<String>,
) -> Option<String> {
    let Some(now) = now else { return Some(GONE.to_owned()) };
    if now.staff {
        return Some("it is an admin or moderator".to_owned());
    }
    if now.nickname != frozen.nickname {
        return Some(format!("its nickname is {}", now.nickname));
    }
    missed.or_else(|| (now.active && !frozen.active).then(|| "it was activated".to_owned()))
}

/// Adds accounts to a selection and removes others. Returns the selection, and how many were added
/// and removed.
pub(crate) async fn edit_selection(
    session: &Session,
    server: &Server,
    name: &str,
    add: &[String],
    remove: &[String],
) -> Result<(Selection, u64, u64), Failure> {
    let mut tx = ostrakon_engine::begin(&session.pool, &session.settings.batch).await?;
    found(ledger::lock_selection(&mut tx, name).await?, name)?;
    let list = ledger::frozen_accounts(&mut tx, name).await?;
    let new = named(&mut tx, server, add).await?;
    let mut accounts: Vec<SelectedAccount> =
        by_ids(&mut tx, server, new).await?.into_values().collect();
    accounts.sort_by(|one, other| one.nickname.cmp(&other.nickname));
    if let Some(staff) = accounts.iter().find(|account| account.staff) {
        return Err(Failure::Refused(format!(
            "{} is an admin or moderator, who are never selected\nNothing was changed.",
            staff.nickname
        )));
    }
    let old =
        remove.iter().map(|typed| listed(&list, typed, name)).collect::<Result<Vec<_>, _>>()?;
    let added: Vec<FrozenAccount> = accounts.iter().map(|account| frozen(account, true)).collect();
    let added = ledger::add_to_selection(&mut tx, name, &added).await?;
    let removed = ledger::remove_from_selection(&mut tx, name, &old).await?;
    let list = ledger::frozen_accounts(&mut tx, name).await?;
    let digest = digest(list.iter().map(|frozen| frozen.account));
    ledger::sum_up_selection(&mut tx, name, &digest, true).await?;
    let detail =
        json!({ "added": add, "removed": remove, "accounts": list.len(), "digest": digest });
    record(&mut tx, "select_edit", name, None, &detail).await?;
    let selection = found(ledger::find_selection(&mut tx, name).await?, name)?;
    tx.commit().await?;
    Ok((selection, added, removed))
}

/// Drops a selection.
pub(crate) async fn drop_selection(session: &Session, name: &str) -> Result<Selection, Failure> {
    let mut tx = ostrakon_engine::begin(&session.pool, &session.settings.batch).await?;
    let selection = found(ledger::lock_selection(&mut tx, name).await?, name)?;
    ledger::drop_selection(&mut tx, name).await?;
    let detail = json!({ "accounts": selection.accounts, "digest": selection.digest });
    record(&mut tx, "select_drop", name, None, &detail).await?;
    tx.commit().await?;
    Ok(selection)
}

/// Reads a selection that must exist.
pub(crate) async fn find_selection(
    db: &mut PgConnection,
    name: &str,
) -> Result<(Selection, Vec<FrozenAccount>), Failure> {
    let selection = found(ledger::find_selection(&mut *db, name).await?, name)?;
    Ok((selection, ledger::frozen_accounts(db, name).await?))
}

fn found(selection: Option<Selection>, name: &str) -> Result<Selection, Failure> {
    selection.ok_or_else(|| {
        Failure::NotFound(format!("No selection {name}; list them with: ostrakon select list"))
    })
}

/// Row ids of accounts that must exist.
async fn named(
    db: &mut PgConnection,
    server: &Server,
    typed: &[String],
) -> Result<Vec<Uuid>, Failure> {
    let names: Vec<AccountName> = typed.iter().cloned().map(AccountName::Nickname).collect();
    let found = find_named(db, server, &names).await?;
    let each = typed.iter().zip(found).map(|(typed, found)| {
        found.ok_or_else(|| Failure::NotFound(format!("No user {typed}\nNothing was changed.")))
    });
    each.collect()
}

/// Row id of an account of a list, by its nickname at that time.
fn listed(list: &[FrozenAccount], typed: &str, name: &str) -> Result<Uuid, Failure> {
    let typed = typed.strip_prefix('@').unwrap_or(typed);
    let found = list.iter().find(|frozen| frozen.nickname.eq_ignore_ascii_case(typed));
    found.map(|frozen| frozen.account).ok_or_else(|| {
        Failure::NotFound(format!("No user {typed} in selection {name}\nNothing was changed."))
    })
}

async fn by_ids(
    db: &mut PgConnection,
    server: &Server,
    ids: Vec<Uuid>,
) -> sqlx::Result<HashMap<Uuid, SelectedAccount>> {
    let selectors = Selectors { ids: Some(ids), ..Selectors::default() };
    let accounts = matching_accounts(db, server, &selectors).await?;
    Ok(accounts.into_iter().map(|account| (account.id, account)).collect())
}

fn frozen(account: &SelectedAccount, added: bool) -> FrozenAccount {
    FrozenAccount {
        account: account.id,
        nickname: account.nickname.clone(),
        active: account.active,
        created_at: account.created_at,
        added,
    }
}

async fn record(
    db: &mut PgConnection,
    command: &'static str,
    subject: &str,
    reason: Option<&str>,
    detail: &Value,
) -> sqlx::Result<()> {
    let requested_by = operator();
    let action = NewAction {
        command,
        subject,
        requested_by: &requested_by,
        on_behalf_of: None,
        reason,
        detail,
    };
    ledger::record_action(db, &action).await
}

fn json(selectors: &Selectors) -> Result<Value, Failure> {
    serde_json::to_value(selectors).map_err(|error| Failure::Failed(error.to_string()))
}

fn unreadable(name: &str, error: &serde_json::Error) -> Failure {
    Failure::Refused(format!(
        "the selectors of {name} cannot be read ({error}): a newer ostrakon wrote them, or somebody \
         changed them. Update ostrakon, or drop the selection with: ostrakon select drop {name}\n\
         Nothing was changed."
    ))
}
