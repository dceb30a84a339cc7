//! Wire format of a message, as an administrator sees it in Redis.

use apalis_core::backend::codec::Codec;
use serde::{Deserialize, Serialize};

/// Maximum length of a message that is parsed, in bytes. Ours have a few hundred.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// Maximum length of `run_id` and `job`, in bytes: both end up in logs.
const MAX_NAME_BYTES: usize = 128;
/// Maximum length of the excerpt from an unreadable message, in characters.
const MAX_QUOTE_CHARS: usize = 120;

/// Notification of one run: `{"run_id": …, "job": …, "payload": {…}}`.
///
/// A wire format: fields may be added, never renamed or removed. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Id of the run; the ledger decides whether the message is valid.
    pub run_id: String,
    /// Name of the job, to be compared with the ledger's.
    pub job: String,
    /// Payload of the job, to be compared with the ledger's.
    pub payload: serde_json::Value,
}

/// Input of a handler: every message from the queue becomes one of these.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Notification that carries no more than the id of a run.
    Due {
        /// Id of the run.
        run_id: String,
    },
    /// Message in our format. Only the ledger knows whether its run exists.
    Run(Envelope),
    /// Any other message: logged, acknowledged and dropped.
    Unreadable {
        /// What is wrong, with the beginning of the message.
        reason: String,
    },
}

/// Codec between messages and JSON; decoding cannot fail.
///
/// A codec error ends the apalis worker, and the message is still there after every restart: one
/// bad message would block the queue forever.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EnvelopeCodec;

impl Codec<Message> for EnvelopeCodec {
    type Error = serde_json::Error;
    type Compact = Vec<u8>;

    fn encode(&self, message: &Message) -> Result<Vec<u8>, serde_json::Error> {
        match message {
            Message::Run(envelope) => serde_json::to_vec(envelope),
            Message::Due { run_id } => serde_json::to_vec(&serde_json::json!({ "run_id": run_id })),
            Message::Unreadable { reason } => {
                serde_json::to_vec(&serde_json::json!({ "unreadable": reason }))
            }
        }
    }

    fn decode(&self, bytes: &Vec<u8>) -> Result<Message, serde_json::Error> {
        Ok(read(bytes))
    }
}

/// Parses any message from the queue.
pub fn read(bytes: &[u8]) -> Message {
    if bytes.is_empty() {
        return unreadable("no message is stored under its id", bytes);
    }
    if bytes.len() > MAX_BYTES {
        return unreadable(&format!("{} bytes, {MAX_BYTES} are allowed", bytes.len()), bytes);
    }
    match serde_json::from_slice::<Envelope>(bytes) {
        Ok(envelope) if envelope.run_id.len() > MAX_NAME_BYTES => {
            unreadable(&format!("run_id is longer than {MAX_NAME_BYTES} bytes"), bytes)
        }
        Ok(envelope) if envelope.job.len() > MAX_NAME_BYTES => {
            unreadable(&format!("job is longer than {MAX_NAME_BYTES} bytes"), bytes)
        }
        Ok(envelope) => Message::Run(envelope),
        Err(error) => unreadable(&error.to_string(), bytes),
    }
}

fn unreadable(why: &str, bytes: &[u8]) -> Message {
    // serde_json quotes the offending text in full.
    let why: String = why.chars().take(MAX_QUOTE_CHARS * 2).collect();
    // A character has at most 4 bytes, so the rest need not be examined.
    let head = &bytes[..bytes.len().min(MAX_QUOTE_CHARS * 4)];
    let quote: String = String::from_utf8_lossy(head).chars().take(MAX_QUOTE_CHARS).collect();
    Message::Unreadable { reason: format!("{why}; it begins with {quote:?}") }
}
