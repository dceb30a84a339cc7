//! Names that other programs use for our commands.

/// A command line and what it does.
type Meant = (&'static str, &'static str);

const RM: Meant = ("user rm NICK", "removes an account and everything it did; cannot be undone");
const DEACTIVATE: Meant =
    ("user deactivate NICK", "deactivates an account; ostrakon user activate NICK undoes it");
const ACTIVATE: Meant = ("user activate NICK", "activates a deactivated account again");
const POSTS: Meant = (
    "user delete_activities NICK",
    "deletes what an account posted, but not the account; cannot be undone",
);
const SILENCE: Meant = (
    "user tag NICK mrf_tag:force-unlisted",
    "keeps its posts out of public timelines, if the server's TagPolicy is on",
);
const INSTANCE: Meant = (
    "user deactivate_all_from_instance HOST",
    "deactivates all accounts of a host; try --dry-run first",
);
const OLD_OBJECTS: Meant =
    ("prune objects", "deletes old posts of other servers; try --dry-run first");
const ORPHANS: Meant =
    ("prune activities", "deletes activities about what is not here any more; try --dry-run first");
const NEW: Meant = ("user new NICK EMAIL", "creates an account");
const SHOW: Meant = ("user show NICK", "shows an account: roles, state, counters");
const LIST: Meant = ("user list", "lists the accounts of this server");
const SET: Meant = ("user set NICK --…", "sets roles, lock and confirmation");
const PASSWORD: Meant = ("user reset_password NICK", "creates a password-reset link");
const MFA: Meant = ("user reset_mfa NICK", "disables an account's second factor");
const SIGN_OUT: Meant = ("user sign_out NICK", "signs an account out of all apps");
const EMAIL: Meant = ("user change_email NICK EMAIL", "changes an account's e-mail address");
const CONFIRM: Meant = ("user confirm NICK", "confirms an account's e-mail address");
const UNCONFIRM: Meant =
    ("user set NICK --no-confirmed", "marks its e-mail address as unconfirmed");
const INVITES: Meant = ("user invites", "lists all invites");
const REVOKE: Meant = ("user revoke_invite TOKEN", "revokes an invite");
const PAUSE: Meant = ("runs pause RUN", "pauses a run; ostrakon runs resume RUN continues it");
const CANCEL: Meant = ("runs cancel RUN", "stops a run for good; what is done stays done");
const RESUME: Meant = ("runs resume RUN", "resumes a paused run");
const RETRY: Meant = ("runs retry RUN", "continues a failed or cancelled run where it stopped");
const RUN: Meant = ("runs show RUN", "shows a run: plan, progress, history, parked items");
const RUNS: Meant = ("runs list", "lists runs, newest first");
const WATCH: Meant = ("runs watch RUN", "follows a run to its end");
const SPEED: Meant = ("runs speed RUN FACTOR", "changes the speed of a run");
const WORKER: Meant = ("worker", "runs jobs until stopped");
const ACTIONS: Meant = ("actions", "lists changes made without a run: what, by whom and why");
const MIGRATE: Meant = ("migrate", "creates or updates ostrakon's own tables");
const SETTINGS: Meant = ("config show", "shows every setting in force");

/// Commands of the original that ostrakon does not have, each with the reason.
const NOT_OFFERED: &[(&str, &str)] = &[(
    "refetch_public_keys",
    "ostrakon does not contact other servers. The server fetches a key again by itself when a \
     signature does not match it.",
)];

/// Words typed after `ostrakon user`, or alone, with their meanings.
const USER: &[(&[&str], &[Meant])] = &[
    (
        &[
            "delete",
            "del",
            "remove",
            "erase",
            "destroy",
            "drop",
            "purge",
            "wipe",
            "nuke",
            "kill",
            "delete_user",
            "remove_user",
            "delete_account",
            "remove_account",
            "deluser",
            "userdel",
        ],
        &[RM, DEACTIVATE],
    ),
    (
        &[
            "ban",
            "suspend",
            "block",
            "disable",
            "freeze",
            "inactivate",
            "disactivate",
            "deactivate_user",
            "deactivate_account",
            "ban_user",
            "suspend_user",
            "block_user",
        ],
        &[DEACTIVATE],
    ),
    (
        &[
            "unban",
            "unsuspend",
            "unblock",
            "enable",
            "unfreeze",
            "reactivate",
            "undeactivate",
            "restore",
            "undelete",
            "unsilence",
            "activate_user",
        ],
        &[ACTIVATE],
    ),
    (
        &["silence", "limit", "mute", "sandbox", "unlist", "hide", "shadowban"],
        &[SILENCE, DEACTIVATE],
    ),
    (
        &[
            "delete_posts",
            "delete_statuses",
            "delete_status",
            "delete_post",
            "delete_notes",
            "remove_posts",
            "remove_statuses",
            "remove_activities",
            "delete_activity",
            "empty",
        ],
        &[POSTS],
    ),
    (
        &[
            "ban_instance",
            "block_instance",
            "suspend_instance",
            "deactivate_instance",
            "deactivate_all",
            "deactivate_host",
            "ban_host",
            "block_host",
            "ban_domain",
            "block_domain",
            "suspend_domain",
            "defederate",
        ],
        &[INSTANCE],
    ),
    (&["add", "create", "register", "adduser", "useradd", "create_user", "new_user"], &[NEW]),
    (&["info", "get", "view", "display", "describe", "find", "lookup", "status"], &[SHOW]),
    (&["ls", "index", "all", "users", "accounts"], &[LIST]),
    (
        &[
            "edit",
            "update",
            "modify",
            "change",
            "promote",
            "demote",
            "grant",
            "role",
            "roles",
            "admin",
            "moderator",
            "make_admin",
            "set_admin",
            "lock",
            "unlock",
        ],
        &[SET],
    ),
    (&["password", "passwd", "pw", "change_password", "set_password", "new_password"], &[PASSWORD]),
    (&["mfa", "2fa", "totp", "otp", "disable_mfa", "disable_2fa", "reset_2fa"], &[MFA]),
    (&["logout", "log_out", "signout", "kick", "revoke_tokens"], &[SIGN_OUT]),
    (&["email", "mail", "set_email", "edit_email"], &[EMAIL]),
    (&["verify", "confirm_email", "confirm_user"], &[CONFIRM]),
    (&["unconfirm", "unverify"], &[UNCONFIRM]),
    (&["list_invites", "invitations"], &[INVITES]),
    (&["delete_invite", "remove_invite", "uninvite"], &[REVOKE]),
];

const OF_RUNS: &[(&[&str], &[Meant])] = &[
    (&["stop", "halt", "hold", "suspend", "interrupt"], &[PAUSE, CANCEL]),
    (&["kill", "abort", "delete", "rm", "remove", "end"], &[CANCEL]),
    (&["continue", "start", "unpause", "go"], &[RESUME]),
    (&["rerun", "restart", "again", "run"], &[RETRY]),
    (&["status", "info", "view", "get"], &[RUN]),
    (&["ls", "all", "ps", "index"], &[RUNS]),
    (&["follow", "tail", "log", "logs", "wait"], &[WATCH]),
    (&["slow", "throttle", "nice", "pace"], &[SPEED]),
];

const TOP: &[(&[&str], &[Meant])] = &[
    (&["run", "serve", "daemon", "start", "workers"], &[WORKER]),
    (&["job", "run_list", "ps", "queue", "status"], &[RUNS]),
    (&["log", "logs", "audit", "history", "action"], &[ACTIONS]),
    (&["init", "setup", "install", "upgrade", "migration", "migrations"], &[MIGRATE]),
    (&["settings", "configuration", "conf"], &[SETTINGS]),
    (&["database", "prune_objects"], &[OLD_OBJECTS, ORPHANS]),
    (&["prune_orphaned_activities"], &[ORPHANS]),
    // Our own names, typed one word too early.
    (&["pause"], &[PAUSE]),
    (&["resume"], &[RESUME]),
    (&["cancel", "stop"], &[CANCEL]),
    (&["retry"], &[RETRY]),
    (&["watch"], &[WATCH]),
    (&["speed"], &[SPEED]),
    (&["rm"], &[RM]),
    (&["deactivate"], &[DEACTIVATE]),
    (&["activate"], &[ACTIVATE]),
    (&["delete_activities"], &[POSTS]),
    (&["deactivate_all_from_instance"], &[INSTANCE]),
    (&["new"], &[NEW]),
    (&["show"], &[SHOW, RUN]),
    (&["list"], &[LIST, RUNS]),
    (&["set"], &[SET]),
    (&["reset_password"], &[PASSWORD]),
    (&["reset_mfa"], &[MFA]),
    (&["sign_out"], &[SIGN_OUT]),
    (&["change_email"], &[EMAIL]),
    (&["confirm"], &[CONFIRM]),
    (&["invites", "invite"], &[INVITES]),
    (&["revoke_invite"], &[REVOKE]),
];

/// Meaning of a word typed after a command; `None` if no known program has that word.
pub(super) fn look_up(parent: &str, word: &str) -> &'static [Meant] {
    let tables: &[_] = match parent {
        "user" => &[USER],
        "runs" => &[OF_RUNS],
        "" => &[TOP, USER],
        _ => &[],
    };
    let mut entries = tables.iter().flat_map(|table| table.iter());
    entries.find(|(words, _)| words.contains(&word)).map_or(&[], |(_, meant)| *meant)
}

/// Reason why a command of the original does not exist here.
pub(super) fn not_offered(parent: &str, word: &str) -> Option<&'static str> {
    let reason = NOT_OFFERED.iter().find(|(name, _)| *name == word).map(|(_, reason)| *reason);
    reason.filter(|_| matches!(parent, "user" | ""))
}

/// All words, each with the command that it follows.
#[cfg(test)]
pub(super) fn words() -> Vec<(&'static str, &'static str)> {
    let of = |parent, table: &'static [(&'static [&'static str], _)]| {
        table.iter().flat_map(move |(words, _)| words.iter().map(move |word| (parent, *word)))
    };
    of("user", USER).chain(of("runs", OF_RUNS)).chain(of("", TOP)).collect()
}
