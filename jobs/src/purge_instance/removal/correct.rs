//! Taking the host's actors out of what stays.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::PgConnection;

use super::{Removal, TakenOut, VOTE};
use crate::{delete_activities::lower_replies, purge_instance::known::Known};
use ostrakon_server::{LoweredReplies, Server};

impl Removal {
    /// Takes the host's actors out of what stays: their likes, boosts, reactions and votes, and the
    /// numbers of their replies and quotes.
    pub(super) async fn correct_others(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
    ) -> sqlx::Result<TakenOut> {
        let gone: HashSet<i64> = self.objects.iter().map(|object| object.row).collect();
        let taken_out = self.taken_out();
        let answered: Vec<(&str, bool)> = self.answered(server);
        let concerned: BTreeSet<&str> = taken_out
            .iter()
            .map(|(object, ..)| *object)
            .chain(answered.iter().map(|(object, _)| *object))
            .chain(self.objects.iter().filter_map(|object| object.ap_id.as_deref()))
            .collect();
        if concerned.is_empty() {
            return Ok(TakenOut::default());
        }
        let locked: Vec<(i64, String)> = sqlx::query_as(include_str!("../sql/lock.sql"))
            .bind(concerned.into_iter().collect::<Vec<_>>())
            .fetch_all(&mut *db)
            .await?;
        let mut rows: HashMap<&str, Vec<i64>> = HashMap::new();
        for (row, ap_id) in &locked {
            if !gone.contains(row) {
                rows.entry(ap_id).or_default().push(*row);
            }
        }
        let mut lost: BTreeMap<i64, (i32, i32)> = BTreeMap::new();
        for (object, is_quote) in answered {
            for row in rows.get(object).into_iter().flatten() {
                let (replies, quotes) = lost.entry(*row).or_default();
                *(if is_quote { quotes } else { replies }) += 1;
            }
        }
        lower_replies(db, &lost).await?;
        let (mut objects, mut actors, mut kinds, mut options) = (vec![], vec![], vec![], vec![]);
        let mut listed = TakenOut::default();
        for (object, actor, kind, option) in taken_out {
            for row in rows.get(object).into_iter().flatten() {
                objects.push(*row);
                actors.push(actor);
                kinds.push(kind);
                options.push(option);
                if kind != VOTE {
                    listed.push(*row, actor, kind);
                }
            }
        }
        take_out(db, (objects, actors, kinds, options), &known.hosts).await?;
        Ok(listed)
    }

    /// Each object in whose lists an actor is, the actor, what it did, and the option of a vote.
    fn taken_out(&self) -> Vec<(&str, &str, &str, Option<&str>)> {
        let listed = self.activities.iter().filter_map(|activity| {
            let listed = ["Like", "Announce", "EmojiReact"].contains(&activity.kind.as_str());
            let (object, actor) = (activity.object.as_deref()?, activity.actor.as_deref()?);
            listed.then_some((object, actor, activity.kind.as_str(), None))
        });
        let voted = self.objects.iter().filter_map(|object| {
            let (replied, actor) = (object.replied.as_deref()?, object.actor.as_deref()?);
            (object.kind == VOTE).then_some((replied, actor, VOTE, object.option.as_deref()))
        });
        listed.chain(voted).collect()
    }

    /// Each object that loses a reply, or a quote (docs/semantics.md 1.2.8 and 1.2.9).
    fn answered(&self, server: &Server) -> Vec<(&str, bool)> {
        let lowered = server.dialect.lowered_replies;
        let mut answered = Vec::new();
        for object in &self.objects {
            if !object.public && lowered != LoweredReplies::All {
                continue;
            }
            if object.kind != VOTE || lowered != LoweredReplies::PublicExceptVotes {
                answered.extend(object.replied.as_deref().map(|replied| (replied, false)));
            }
            if server.dialect.lowers_quotes {
                answered.extend(object.quoted.as_deref().map(|quoted| (quoted, true)));
            }
        }
        answered
    }
}

/// Each object with an actor, what it did, and the option of a vote.
type Lists<'a> = (Vec<i64>, Vec<&'a str>, Vec<&'a str>, Vec<Option<&'a str>>);

/// Takes actors out of what they did to objects.
pub(in crate::purge_instance) async fn take_out(
    db: &mut PgConnection,
    (objects, actors, kinds, options): Lists<'_>,
    hosts: &[String],
) -> sqlx::Result<()> {
    if objects.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/take_out.sql"))
        .bind(objects)
        .bind(actors)
        .bind(kinds)
        .bind(options)
        .bind(hosts)
        .execute(db)
        .await?;
    Ok(())
}
