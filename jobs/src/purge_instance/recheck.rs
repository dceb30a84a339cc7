//! What the server writes late (docs/semantics.md 11.5): it has read an object before a batch, and
//! writes it back whole since, with likes, boosts and reactions that are gone.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

use super::{PurgeInstance, removal, sql};
use ostrakon_engine::{Count, JobError};
use ostrakon_server::Server;

/// Objects from whose lists a batch took actors, and what each had done; a wire format.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TakenOut {
    objects: Vec<i64>,
    actors: Vec<String>,
    kinds: Vec<String>,
}

impl TakenOut {
    pub(super) fn push(&mut self, object: i64, actor: &str, kind: &str) {
        self.objects.push(object);
        self.actors.push(actor.to_owned());
        self.kinds.push(kind.to_owned());
    }

    /// For the ledger; `None` if there is nothing to be rechecked.
    pub(super) fn written(&self) -> Result<Option<Value>, JobError> {
        if self.objects.is_empty() {
            return Ok(None);
        }
        serde_json::to_value(self).map(Some).map_err(|error| JobError::Fail(error.into()))
    }

    fn read(written: &Value) -> Result<Self, JobError> {
        Self::deserialize(written).map_err(|error| JobError::Fail(error.into()))
    }

    /// Those that are listed again, though they have done nothing anew.
    async fn listed_again(
        &self,
        db: &mut PgConnection,
        server: &Server,
    ) -> sqlx::Result<Vec<(i64, String, String)>> {
        sqlx::query_as(sql::listed_again(server))
            .bind(&self.objects)
            .bind(&self.actors)
            .bind(&self.kinds)
            .fetch_all(db)
            .await
    }
}

impl PurgeInstance {
    /// Takes actors out again.
    pub(super) async fn take_out_again(
        &self,
        db: &mut PgConnection,
        server: &Server,
        written: &Value,
    ) -> Result<Vec<Count>, JobError> {
        let taken = TakenOut::read(written)?;
        if taken.listed_again(db, server).await?.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query("select id from public.objects where id = any ($1) order by id for update")
            .bind(&taken.objects)
            .execute(&mut *db)
            .await?;
        let listed = taken.listed_again(db, server).await?;
        let (mut objects, mut actors, mut kinds) = (vec![], vec![], vec![]);
        for (object, actor, kind) in &listed {
            objects.push(*object);
            actors.push(actor.as_str());
            kinds.push(kind.as_str());
        }
        let options = vec![None; objects.len()];
        removal::take_out(db, (objects, actors, kinds, options), &self.spellings()).await?;
        Ok(vec![Count::new("likes, boosts and reactions", super::count(&listed))])
    }

    /// Counts actors that are listed again.
    pub(super) async fn count_listed_again(
        &self,
        db: &mut PgConnection,
        server: &Server,
        written: &Value,
    ) -> Result<i64, JobError> {
        Ok(super::count(&TakenOut::read(written)?.listed_again(db, server).await?))
    }
}
