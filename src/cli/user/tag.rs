//! `ostrakon user tag NICK TAG…` and `ostrakon user untag NICK TAG…`

use ostrakon_server::{
    ModerationAction, Tags, find_actor, normal_tag, read_tags, tag_fault, write_tags,
};
use serde::Serialize;
use serde_json::json;

use super::{
    inspect::inspect,
    quick_change::{ChangeOptions, QuickChange, StaffOptions},
};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// Nickname of the account, local or remote.
    #[arg(value_name = "NICK")]
    nickname: String,
    /// Tags, such as mrf_tag:media-force-nsfw; written in lower case.
    #[arg(value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    staff: StaffOptions,
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

/// Adds or removes the tags.
pub(super) async fn run(
    tag_change: TagChange,
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let command = match tag_change {
        TagChange::Add => "tag",
        TagChange::Remove => "untag",
    };
    let typed = &options.nickname;
    let given: Vec<String> = options.tags.iter().map(|tag| normal_tag(tag)).collect();
    if tag_change == TagChange::Add {
        check(&given)?;
    }
    let mut change = QuickChange::begin_as(session, &options.change, &options.staff).await?;
    let account = find_actor(&mut change.db, &change.server, typed)
        .await?
        .ok_or_else(|| Failure::NotFound(format!("Could not change user tags for {typed}")))?;
    let before = read_tags(&mut change.db, account.id).await?;
    let (after, effect, action) = match tag_change {
        TagChange::Add => {
            (before.with(&given), "the tags have no effect", ModerationAction::Tag(&given))
        }
        TagChange::Remove => {
            (before.without(&given), "the tags keep their effect", ModerationAction::Untag(&given))
        }
    };
    let changed = after != before;
    if changed {
        write_tags(&mut change.db, account.id, &after).await?;
        change.refresh(&[account.id], effect).await?;
        change.log(action, &account).await?;
    }
    let Tags(tags) = after;
    change.commit(command, typed, &json!({ "before": before.0, "after": tags }), output).await?;
    let nickname = account.nickname.as_deref().unwrap_or(typed);
    output.result(format!("Tags of {nickname}: {}", inspect(&tags)));
    output.object(&Object { command, nickname, tags: &tags, changed });
    Ok(())
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
