//! The wire message: what an administrator sees when looking into Redis.

use apalis_core::backend::codec::Codec;
use serde::{Deserialize, Serialize};

/// Longest message that is parsed, in bytes. Ours are a few hundred bytes long.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// Longest `run_id` and `job` that are believed, in bytes: both end up in logs.
const MAX_NAME_BYTES: usize = 128;
/// How much of an unreadable message is kept, in characters.
const MAX_QUOTE_CHARS: usize = 120;

/// The typed message of one run: `{"run_id": …, "job": …, "payload": {…}}`.
///
/// A wire format: fields may be added, never renamed or removed. Fields unknown to this release are
/// ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// The run in the ledger, which decides whether the message means anything.
    pub(crate) run_id: String,
    /// The job's name, to be compared with the ledger's.
    pub(crate) job: String,
    /// The job's payload, to be compared with the ledger's.
    pub(crate) payload: serde_json::Value,
}

/// What a consumer is handed: every message that was in the queue becomes one of these.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// A message in our format. Whether its run exists is the ledger's to say.
    Run(Envelope),
    /// Anything else: to be counted and logged; it is acknowledged and gone.
    Unreadable {
        /// What was wrong, with the beginning of the message.
        reason: String,
    },
}

/// Turns messages into JSON and back; decoding cannot fail.
///
/// An error from a codec ends the apalis worker, and the message waits for it again after every
/// restart: one bad message would stop the queue for ever.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EnvelopeCodec;

impl Codec<Message> for EnvelopeCodec {
    type Error = serde_json::Error;
    type Compact = Vec<u8>;

    fn encode(&self, message: &Message) -> Result<Vec<u8>, serde_json::Error> {
        match message {
            Message::Run(envelope) => serde_json::to_vec(envelope),
            Message::Unreadable { reason } => {
                serde_json::to_vec(&serde_json::json!({ "unreadable": reason }))
            }
        }
    }

    fn decode(&self, bytes: &Vec<u8>) -> Result<Message, serde_json::Error> {
        Ok(read(bytes))
    }
}

/// Reads what was in the queue, whatever it is.
pub(crate) fn read(bytes: &[u8]) -> Message {
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
    // serde_json quotes the offending text, however long it is.
    let why: String = why.chars().take(MAX_QUOTE_CHARS * 2).collect();
    // One character is at most four bytes long, so no more than this needs to be looked at.
    let head = &bytes[..bytes.len().min(MAX_QUOTE_CHARS * 4)];
    let quote: String = String::from_utf8_lossy(head).chars().take(MAX_QUOTE_CHARS).collect();
    Message::Unreadable { reason: format!("{why}; it begins with {quote:?}") }
}
