//! The community is what it says it is: a measurement on a wrong one measures nothing.

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};
use testkit::{Community, Database, Flavour};

#[tokio::test]
async fn a_small_community_is_consistent() -> Result<()> {
    let database = Database::create(Flavour::Pleroma).await?;
    let mut db = PgConnection::connect(database.url()).await?;
    let community = Community {
        posts: 1_000,
        local_accounts: 60,
        other_accounts: 100,
        spam_accounts: 30,
        spam_follows: 3,
    };
    community.seed(&mut db).await?;

    let (posts, spam): (i64, i64) = sqlx::query_as(
        "select (select count(*) from activities a join users u on u.ap_id = a.actor
                 where u.nickname = $1 and a.data ->> 'type' = 'Create'),
                (select count(*) from users where nickname::text like '%@' || $2)",
    )
    .bind(Community::PROLIFIC)
    .bind(Community::SPAM_HOST)
    .fetch_one(&mut db)
    .await?;
    assert_eq!((posts, spam), (1_000, 30));

    // Every counter is what a count of the rows gives.
    let wrong: Vec<String> = sqlx::query_scalar(
        "select 'follow counters of ' || u.nickname from users u
         where u.local and (u.follower_count, u.following_count) is distinct from (
             (select count(*) from following_relationships r join users f on f.id = r.follower_id
              where r.following_id = u.id and r.state = 2 and f.is_active),
             (select count(*) from following_relationships r join users f on f.id = r.following_id
              where r.follower_id = u.id and r.state = 2 and f.is_active))
         union all
         select 'likes of ' || (o.data ->> 'id') from objects o
         where coalesce((o.data ->> 'like_count')::bigint, 0) <> (select count(*) from activities a
             where associated_object_id(a.data) = o.data ->> 'id' and a.data ->> 'type' = 'Like')
         union all
         select 'replies of ' || (o.data ->> 'id') from objects o
         where coalesce((o.data ->> 'repliesCount')::bigint, 0) <> (select count(*) from objects r
             where r.data ->> 'inReplyTo' = o.data ->> 'id')
         union all
         select 'visibility counters of ' || c.instance from counter_cache c
         where c.public + c.unlisted + c.private + c.direct <> (select count(*) from activities a
             where split_part(a.actor, '/', 3) = c.instance and a.data ->> 'type' = 'Create')
         union all
         select 'no Create of ' || (o.data ->> 'id') from objects o
         where o.data ->> 'type' <> 'Document' and not exists (select from activities a
             where associated_object_id(a.data) = o.data ->> 'id' and a.data ->> 'type' = 'Create')",
    )
    .fetch_all(&mut db)
    .await?;
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}
