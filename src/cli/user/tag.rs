//! `ostrakon user tag NICK TAG…` and `ostrakon user untag NICK TAG…`

use ostrakon_server::{
    Actor, ModerationAction, Tags, find_actor, normal_tag, read_tags, tag_fault, write_tags,
};
use serde::Serialize;
use serde_json::json;

use super::{
    inspect::inspect,
    many::{MANY, QuickAccounts, QuickCommand, Reach, Subjects, for_each},
    quick_change::{ChangeOptions, QuickChange, StaffOptions},
};
use crate::{
    cli::{Output, select::ScopeOptions},
    failure::Failure,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// Nickname of the account, local or remote, and tags, such as mrf_tag:media-force-nsfw, which
    /// are written in lower case. With --selection or selectors only tags.
    #[arg(value_names = ["NICK", "TAG"], id = "NICK", num_args = 0.., required_unless_present_any = MANY)]
    words: Vec<String>,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    staff: StaffOptions,
    #[command(flatten)]
    many: QuickAccounts,
    #[command(flatten)]
    scope: ScopeOptions,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: &'a str,
    tags: &'a [String],
    changed: bool,
}

/// What is done with the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagChange {
    /// They are added.
    Add,
    /// They are removed.
    Remove,
}

/// Adds or removes the tags, of one account or many.
pub(super) async fn run(
    tag_change: TagChange,
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Options { words, change, staff, scope, many } = options;
    let is_many = many.accounts.is_given(*scope);
    let (nickname, tags) = match words.split_first() {
        Some((nickname, tags)) if !is_many => (Some(nickname.as_str()), tags),
        _ => (None, words.as_slice()),
    };
    let given: Vec<String> = tags.iter().map(|tag| normal_tag(tag)).collect();
    if is_many && given.is_empty() {
        return Err(Failure::Usage("no tag was given\nNothing was changed.".to_owned()));
    }
    if tag_change == TagChange::Add {
        check(&given)?;
    }
    let given = given.as_slice();
    match many.accounts.subjects(nickname, *scope, Reach::Any)? {
        Subjects::One(typed) => {
            many.refuse_for_one()?;
            let mut begun = QuickChange::begin_as(session, change, staff).await?;
            let account =
                find_actor(&mut begun.db, &begun.server, typed).await?.ok_or_else(|| {
                    Failure::NotFound(format!("Could not change user tags for {typed}"))
                })?;
            tag_change.apply(given, begun, account, typed.to_owned(), output).await
        }
        Subjects::Many(accounts) => {
            let name = tag_change.command();
            let command = QuickCommand { name, many, change, staff: Some(staff) };
            for_each(command, accounts, session, output, |begun, account, nickname, output| {
                tag_change.apply(given, begun, account, nickname, output)
            })
            .await
        }
    }
}

impl TagChange {
    const fn command(self) -> &'static str {
        match self {
            Self::Add => "tag",
            Self::Remove => "untag",
        }
    }

    async fn apply(
        self,
        given: &[String],
        mut change: QuickChange<'_>,
        account: Actor,
        typed: String,
        output: Output,
    ) -> Result<(), Failure> {
        let command = self.command();
        let before = read_tags(&mut change.db, account.id).await?;
        let (after, effect, action) = match self {
            Self::Add => {
                (before.with(given), "the tags have no effect", ModerationAction::Tag(given))
            }
            Self::Remove => (
                before.without(given),
                "the tags keep their effect",
                ModerationAction::Untag(given),
            ),
        };
        let changed = after != before;
        if changed {
            write_tags(&mut change.db, account.id, &after).await?;
            change.refresh(&[account.id], effect).await?;
            change.log(action, &account).await?;
        }
        let Tags(tags) = after;
        let detail = json!({ "before": before.0, "after": tags });
        change.commit(command, &typed, &detail, output).await?;
        let nickname = account.nickname.as_deref().unwrap_or(&typed);
        output.result(format!("Tags of {nickname}: {}", inspect(&tags)));
        output.object(&Object { command, nickname, tags: &tags, changed });
        Ok(())
    }
}

/// Checks new tags only: any existing tag can be removed.
fn check(tags: &[String]) -> Result<(), Failure> {
    match tags.iter().find_map(|tag| tag_fault(tag).map(|fault| (tag, fault))) {
        Some((tag, fault)) => {
            let beginning: String = tag.chars().take(40).collect();
            Err(Failure::Usage(format!("the tag {beginning} {fault}; nothing was changed")))
        }
        None => Ok(()),
    }
}
