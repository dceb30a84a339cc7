//! Layer between apalis and Redis that fixes replies on which apalis would fail.
//!
//! apalis ends its worker when a fetched id has no data, no metadata, or unparsable metadata; the
//! next worker fetches the same id again. It also parses ids: `007` becomes `7`, which is not found
//! on acknowledgement, and this ends the worker too.
//!
//! apalis also reads values of any size: 500 MB would be in this process's memory three times.

use std::sync::{Arc, LazyLock};

use apalis_core::task::task_id::TaskId;
use ostrakon_engine::FailPoint;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Cmd, Pipeline, RedisFuture, RedisResult, Script, Value};
use ulid::Ulid;

use super::envelope::MAX_BYTES;
use super::outage::Outage;

/// Maximum length of an id used unchanged, in bytes. Ours have 26.
const MAX_ID_BYTES: usize = 64;

/// Maximum length of an id that is fetched, in bytes.
const MAX_FETCHED_ID_BYTES: usize = 64 * 1024;

static BOUND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("bound.lua")));

/// Connection given to an apalis worker.
#[derive(Clone)]
pub(super) struct ReplyGuard {
    connection: ConnectionManager,
    keys: Arc<Keys>,
    outage: Arc<Outage>,
}

struct Keys {
    active: String,
    scheduled: String,
    inflight: String,
    done: String,
    data: String,
    meta: String,
}

impl ReplyGuard {
    pub(super) fn new(
        connection: ConnectionManager,
        queue: &str,
        worker: &str,
        outage: Arc<Outage>,
    ) -> Self {
        let keys = Keys {
            active: format!("{queue}:active"),
            scheduled: format!("{queue}:scheduled"),
            inflight: format!("{queue}:inflight:{worker}"),
            done: format!("{queue}:done"),
            data: format!("{queue}:data"),
            meta: format!("{queue}:meta"),
        };
        Self { connection, keys: Arc::new(keys), outage }
    }

    /// Whether a command is the fetch script: the only one of a worker's commands with this key.
    fn fetches(&self, cmd: &Cmd) -> bool {
        cmd.args_iter().any(|word| match word {
            redis::Arg::Simple(word) => word == self.keys.scheduled.as_bytes(),
            _ => false,
        })
    }

    /// Fetches messages after a script has removed what is too long. Both run in one transaction,
    /// so that no other client writes in between.
    async fn fetch(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        let mut cut = redis::cmd("EVALSHA");
        cut.arg(BOUND.get_hash()).arg(4).arg(&self.keys.active).arg(&self.keys.scheduled);
        cut.arg(&self.keys.data).arg(&self.keys.meta);
        // apalis's clock (this machine's) plus 5 s, because time passes before apalis fetches.
        cut.arg(chrono::Utc::now().timestamp() + 5).arg(super::FETCHED);
        cut.arg(MAX_BYTES).arg(MAX_FETCHED_ID_BYTES);
        let mut both = redis::pipe();
        both.atomic().add_command(cut).add_command(cmd.clone());
        let answer: RedisResult<(usize, Value)> = both.query_async(&mut self.connection).await;
        match answer {
            Ok((0, reply)) => Ok(reply),
            Ok((cut, reply)) => {
                tracing::warn!(
                    queue_data = self.keys.data,
                    cut,
                    "something in Redis is far longer than what ostrakon writes; it was not read"
                );
                Ok(reply)
            }
            // Redis does not know one of the two scripts yet; apalis loads its own and tries again.
            Err(error) if error.code() == Some("NOSCRIPT") => {
                BOUND.prepare_invoke().load_async(&mut self.connection).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives every fetched message readable metadata, an id that survives apalis, and data.
    async fn mend(&mut self, fetched: Vec<(Vec<u8>, Value)>) -> RedisResult<Value> {
        let (mut payloads, mut metadata) = (Vec::new(), Vec::new());
        for (id, payload) in fetched {
            let id = match usable(&id) {
                Some(id) => id,
                None => self.rename(&id).await?,
            };
            payloads.push(match payload {
                Value::BulkString(_) => payload,
                // The codec turns this into `Message::Unreadable`.
                _ => Value::BulkString(Vec::new()),
            });
            // We keep nothing in metadata: the ledger counts attempts.
            let fields = [&id, "attempts", "0", "max_attempts", "25", "status", "Pending"];
            metadata.push(Value::Array(fields.map(bulk).into()));
        }
        Ok(Value::Array(vec![Value::Array(payloads), Value::Array(metadata)]))
    }

    /// Whether a command is the acknowledgement script: the only one with this key.
    fn acknowledges(&self, cmd: &Cmd) -> bool {
        cfg!(feature = "failpoints")
            && cmd.args_iter().any(|word| match word {
                redis::Arg::Simple(word) => word == self.keys.done.as_bytes(),
                _ => false,
            })
    }

    /// Gives the worker's message a new id, so that it can be acknowledged.
    async fn rename(&mut self, id: &[u8]) -> RedisResult<String> {
        let fresh = Ulid::generate().to_string();
        let meta = [self.keys.meta.as_bytes(), b":", id].concat();
        redis::pipe()
            .atomic()
            .srem(&self.keys.inflight, id)
            .sadd(&self.keys.inflight, &fresh)
            .hdel(&self.keys.data, id)
            .del(meta)
            .exec_async(&mut self.connection)
            .await?;
        tracing::warn!(
            id = %String::from_utf8_lossy(&id[..id.len().min(MAX_ID_BYTES)]),
            renamed = fresh,
            "a message in Redis has an id that ostrakon never writes; it is handled under a new one"
        );
        Ok(fresh)
    }
}

impl ConnectionLike for ReplyGuard {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let reply = if self.fetches(cmd) {
                self.fetch(cmd).await?
            } else {
                self.connection.req_packed_command(cmd).await?
            };
            if self.acknowledges(cmd) {
                FailPoint::AfterAcknowledge.reach();
            }
            match fetched(reply) {
                Ok(fetched) => {
                    self.outage.ended();
                    self.mend(fetched).await
                }
                Err(other) => Ok(other),
            }
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.connection.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }
}

/// Recognises the reply to a fetch, `[[payload, …], [[id, field, value, …], …]]`; returns any other
/// reply unchanged. No other command on a worker's connection returns two lists.
fn fetched(reply: Value) -> Result<Vec<(Vec<u8>, Value)>, Value> {
    let Value::Array(parts) = reply else { return Err(reply) };
    match parts.as_slice() {
        [Value::Array(payloads), Value::Array(metadata)] if payloads.len() == metadata.len() => {
            let ids: Option<Vec<Vec<u8>>> = metadata.iter().map(id_of).collect();
            match ids {
                Some(ids) => Ok(ids.into_iter().zip(payloads.iter().cloned()).collect()),
                None => Err(Value::Array(parts)),
            }
        }
        _ => Err(Value::Array(parts)),
    }
}

fn id_of(metadata: &Value) -> Option<Vec<u8>> {
    match metadata {
        Value::Array(fields) => match fields.first() {
            Some(Value::BulkString(id)) => Some(id.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the id if apalis uses exactly the same bytes when it acknowledges it.
fn usable(id: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(id).ok().filter(|id| id.len() <= MAX_ID_BYTES)?;
    let parsed: TaskId = id.parse().ok()?;
    (parsed.to_string() == id).then(|| id.to_owned())
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}
