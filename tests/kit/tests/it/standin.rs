//! The stand-in for the server leaves everything right when nobody else is there: whatever is wrong
//! beside a run is wrong because of the run.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sqlx::{Connection as _, PgConnection};
use testkit::{Community, Database, Flavour, Outcomes, StandIn};

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_in_alone_loses_nothing_and_counts_right() -> Result<()> {
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
    let mut outcomes = Outcomes::default();
    let begun = Instant::now();
    // As long as a busy machine needs for some of most kinds.
    for seed in 1.. {
        let account = Community::PROLIFIC.to_owned();
        let stand_in = StandIn { clients: 4, pause: Duration::from_millis(1), seed, account };
        let server = stand_in.start(database.url()).await?;
        server.end_after(Duration::from_secs(1));
        outcomes.add(server.finish().await?);
        if outcomes.done.len() > 8 && outcomes.committed() > 50 {
            break;
        }
        ensure!(begun.elapsed() < Duration::from_mins(1), "{:?}", outcomes.done);
    }
    ensure!(outcomes.lost.is_empty(), "{:?}", outcomes.lost);
    let wrong: Vec<String> = sqlx::query_scalar(
        "select 'likes of ' || (o.data ->> 'id') from objects o
         where jsonb_array_length(coalesce(o.data -> 'likes', '[]')) <> (
             select count(*) from activities a
             where associated_object_id(a.data) = o.data ->> 'id' and a.data ->> 'type' = 'Like')
         union all
         select 'replies of ' || (o.data ->> 'id') from objects o
         where o.data ->> 'type' <> 'Tombstone'
           and coalesce((o.data ->> 'repliesCount')::bigint, 0) <> (
               select count(*) from objects r where r.data ->> 'inReplyTo' = o.data ->> 'id')
         union all
         select 'posts of ' || c.instance from counter_cache c
         where c.public + c.unlisted + c.private + c.direct <> (
             select count(*) from activities a
             where split_part(a.actor, '/', 3) = c.instance and a.data ->> 'type' = 'Create')",
    )
    .fetch_all(&mut db)
    .await?;
    ensure!(wrong.is_empty(), "{wrong:?}");
    Ok(())
}
