//! Number of rows that a removal takes in a batch.

use anyhow::Result;
use testkit::Flavour;

use super::Removal;

#[tokio::test]
async fn what_quick_rows_have_taught_is_forgotten_before_the_posts() -> Result<()> {
    let fixture = Removal::new(Flavour::Pleroma).await?;
    for number in 0..60 {
        fixture.alice.posts(&format!("post {number}")).create().await?;
    }
    let ostrakon = fixture
        .ostrakon
        .clone()
        .with("OSTRAKON_BATCH_ROWS_INITIAL", "4")
        .with("OSTRAKON_BATCH_ROWS_MAX", "100")
        .with("OSTRAKON_BATCH_ROWS_BUSY", "100")
        // No batch exceeds the target.
        .with("OSTRAKON_BATCH_TARGET", "5s");
    // The walk over the notifications comes first, and takes more and more rows in a batch.
    let done = ostrakon.run(&["user", "rm", "alice", "--yes", "--inline"])?;
    assert_eq!(done.code, 0, "{done:?}");
    // Each batch is a transaction, and writes the tombstones of its posts.
    let batches: Vec<i64> = sqlx::query_scalar(
        "select count(*) from objects where data ->> 'type' = 'Tombstone'
         group by xmin order by min(xmin::text::bigint)",
    )
    .fetch_all(&fixture.database.pool())
    .await?;
    assert_eq!(batches, [4, 20, 36]);
    Ok(())
}
