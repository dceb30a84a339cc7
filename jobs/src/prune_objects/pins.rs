//! Objects that somebody has pinned to a profile.
//!
//! Any account may have pinned any object, and no index leads from the object to the account. So the
//! pins are collected once in a claim, in portions.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

/// Accounts that are looked at in one statement.
const PORTION: i64 = 2_000;

/// Statements in one batch: some seconds at most.
const PORTIONS: u32 = 50;

/// Pinned objects, by their ids, as far as they were collected.
#[derive(Debug, Default)]
pub(super) struct Pins {
    after: Uuid,
    complete: bool,
    objects: HashSet<String>,
}

impl Pins {
    /// Collects pins of some more accounts; returns whether these were the last ones.
    pub(super) async fn collect(&mut self, db: &mut PgConnection) -> sqlx::Result<bool> {
        for _ in 0..PORTIONS {
            if self.complete {
                break;
            }
            let accounts: Vec<Uuid> = sqlx::query_scalar(
                "select u.id from public.users u where u.id > $1 order by u.id limit $2",
            )
            .bind(self.after)
            .bind(PORTION)
            .fetch_all(&mut *db)
            .await?;
            let Some(last) = accounts.last().copied() else {
                self.complete = true;
                break;
            };
            let pins: Vec<String> = sqlx::query_scalar(
                "select pin from public.users u,
                        jsonb_object_keys(case jsonb_typeof(u.pinned_objects) when 'object' then u.pinned_objects
                                               else '{}' end) as pin
                 where u.id = any ($1)",
            )
            .bind(accounts)
            .fetch_all(&mut *db)
            .await?;
            self.objects.extend(pins);
            self.after = last;
        }
        Ok(self.complete)
    }

    /// Collects all pins.
    pub(super) async fn all(&mut self, db: &mut PgConnection) -> sqlx::Result<Vec<&str>> {
        while !self.collect(&mut *db).await? {}
        Ok(self.objects.iter().map(String::as_str).collect())
    }

    /// Whether an object is pinned.
    pub(super) fn has(&self, object: Option<&str>) -> bool {
        object.is_some_and(|object| self.objects.contains(object))
    }
}
