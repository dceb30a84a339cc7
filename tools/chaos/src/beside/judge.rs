//! Recounts everything from the existing rows.

use std::collections::BTreeSet;

use anyhow::Result;
use sqlx::PgConnection;

/// A rule, and the statement that finds violations.
struct Rule {
    what: &'static str,
    broken: &'static str,
}

const fn rule(what: &'static str, broken: &'static str) -> Rule {
    Rule { what, broken }
}

/// Rules for any community; each statement returns what violates its rule.
const RULES: [Rule; 14] = [
    rule(
        "a host's posts are counted wrong",
        "select coalesce(c.instance, posted.host)
         from (select split_part(actor, '/', 3) as host, count(*) filter (where reach = 'public') as public,
                      count(*) filter (where reach = 'unlisted') as unlisted,
                      count(*) filter (where reach = 'private') as private,
                      count(*) filter (where reach = 'direct') as direct
               from (select actor, activity_visibility(actor, recipients, data) as reach
                     from activities where data ->> 'type' = 'Create') as each group by 1) as posted
         full join counter_cache c on c.instance = posted.host
         where (coalesce(c.public, 0), coalesce(c.unlisted, 0), coalesce(c.private, 0), coalesce(c.direct, 0))
               is distinct from (coalesce(posted.public, 0), coalesce(posted.unlisted, 0), coalesce(posted.private, 0),
                                 coalesce(posted.direct, 0))",
    ),
    rule(
        "an account's posts are counted wrong",
        "select format('%s says %s and has %s', u.nickname, u.note_count, coalesce(posted.notes, 0)) from users u
         left join (select a.actor, count(*) as notes
                    from activities a join objects o on o.data ->> 'id' = associated_object_id(a.data)
                    where a.data ->> 'type' = 'Create' and o.data ->> 'type' in ('Note', 'Question')
                      and activity_visibility(a.actor, a.recipients, a.data) in ('public', 'unlisted')
                    group by a.actor) as posted on posted.actor = u.ap_id
         where u.local and u.note_count <> coalesce(posted.notes, 0)",
    ),
    rule(
        "an account's followers are counted wrong",
        "select format('%s says %s and has %s', u.nickname, u.follower_count, counted.followers) from users u,
             lateral (select count(*) as followers from following_relationships r join users f on f.id = r.follower_id
                      where r.following_id = u.id and r.state = 2 and f.is_active and f.id <> u.id) counted
         where u.local and u.is_active and u.follower_count <> counted.followers",
    ),
    rule(
        "whom an account follows is counted wrong",
        "select format('%s says %s and has %s', u.nickname, u.following_count, counted.followed) from users u,
             lateral (select count(*) as followed from following_relationships r join users f on f.id = r.following_id
                      where r.follower_id = u.id and r.state = 2 and f.is_active and f.id <> u.id) counted
         where u.local and u.is_active and u.following_count <> counted.followed",
    ),
    rule(
        "a notification is about nothing",
        "select n.id::text from notifications n where not exists (select from activities where id = n.activity_id)",
    ),
    rule(
        "a hashtag is used by nobody",
        "select name from hashtags h where not exists (select from hashtags_objects where hashtag_id = h.id)",
    ),
    rule(
        "a post is there whose object is deleted",
        "select a.data ->> 'id' from activities a join objects o on o.data ->> 'id' = associated_object_id(a.data)
         where a.data ->> 'type' = 'Create' and o.data ->> 'type' = 'Tombstone'",
    ),
    rule(
        "an object is there again whose post is deleted",
        "select o.data ->> 'id' from objects o
         where o.data ->> 'type' in ('Note', 'Question', 'Answer', 'ChatMessage')
           and not exists (select from activities a
                           where associated_object_id(a.data) = o.data ->> 'id' and a.data ->> 'type' = 'Create')",
    ),
    rule(
        "a Tombstone has likes or boosts",
        "select data ->> 'id' from objects
         where data ->> 'type' = 'Tombstone' and data ?| array['likes', 'announcements', 'reactions']",
    ),
    rule(
        "a like, boost or reaction is to a Tombstone",
        "select a.data ->> 'id' from activities a join objects o on o.data ->> 'id' = associated_object_id(a.data)
         where a.data ->> 'type' in ('Like', 'Announce', 'EmojiReact') and o.data ->> 'type' = 'Tombstone'",
    ),
    rule(
        "a post's likes are others than were given",
        "select o.data ->> 'id' from objects o
         where o.data ->> 'type' in ('Note', 'Question')
           and (jsonb_array_length(coalesce(o.data -> 'likes', '[]')), coalesce((o.data ->> 'like_count')::int, 0))
               is distinct from (select (count(*)::int, count(*)::int) from activities a
                                 where a.data ->> 'type' = 'Like' and associated_object_id(a.data) = o.data ->> 'id')",
    ),
    rule(
        "a post's boosts are others than were given",
        "select o.data ->> 'id' from objects o
         where o.data ->> 'type' in ('Note', 'Question')
           and jsonb_array_length(coalesce(o.data -> 'announcements', '[]')) <> (
               select count(*) from activities a
               where a.data ->> 'type' = 'Announce' and associated_object_id(a.data) = o.data ->> 'id')",
    ),
    rule(
        "a post's answers are counted wrong",
        "select o.data ->> 'id' from objects o
         left join (select data ->> 'inReplyTo' as parent, count(*) as replies from objects
                    where data ->> 'type' in ('Note', 'Question', 'Answer') group by 1) as answered
                on answered.parent = o.data ->> 'id'
         where o.data ->> 'type' in ('Note', 'Question')
           and coalesce((o.data ->> 'repliesCount')::int, 0) <> coalesce(answered.replies, 0)",
    ),
    rule(
        "a deleted post is pinned",
        "select pin from users u, jsonb_object_keys(u.pinned_objects) as pin
         join objects o on o.data ->> 'id' = pin where o.data ->> 'type' = 'Tombstone'",
    ),
];

/// Maximum number of examples shown per rule.
const REPORTED: usize = 3;

/// Violations of each rule.
pub(super) type Broken = Vec<BTreeSet<String>>;

/// Returns the violations of all rules.
pub(super) async fn count(db: &mut PgConnection) -> Result<Broken> {
    let mut broken = Vec::with_capacity(RULES.len());
    for rule in &RULES {
        let found: Vec<Option<String>> =
            sqlx::query_scalar(rule.broken).fetch_all(&mut *db).await?;
        broken.push(found.into_iter().flatten().collect());
    }
    Ok(broken)
}

/// Reports violations that did not exist before.
pub(super) fn judge(before: &Broken, after: &Broken) -> Vec<String> {
    let pairs = RULES.iter().zip(before.iter().zip(after));
    let reported = pairs.filter_map(|(rule, (before, after))| {
        let new: Vec<&str> = after.difference(before).map(String::as_str).collect();
        let some = new[..new.len().min(REPORTED)].join(", ");
        (!new.is_empty()).then(|| format!("{} ({} times): {some}", rule.what, new.len()))
    });
    reported.collect()
}
