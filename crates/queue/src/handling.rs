//! Passes messages to the handler: never the same one twice simultaneously, and panics are caught.

use std::any::Any;
use std::collections::HashSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use ostrakon_engine::FailPoint;

use super::envelope::{Envelope, Message};

/// Ids of the messages that this process is handling.
///
/// A worker that loses Redis is replaced, but its handlers continue. Redis then delivers their
/// messages again, possibly to this same process.
#[derive(Clone, Default)]
pub(super) struct Handling(Arc<Mutex<HashSet<String>>>);

impl Handling {
    pub(super) fn ids(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    /// Handles one message. Returns in any case; the message may be acknowledged then.
    pub(super) async fn handle<H, Fut>(&self, id: String, message: Message, handler: H)
    where
        H: Fn(Message) -> Fut,
        Fut: Future<Output = ()>,
    {
        let Some(_held) = Held::take(self, &id) else {
            tracing::debug!(id, "delivered again while being handled here; nothing is done");
            return;
        };
        let run_id = match &message {
            Message::Run(Envelope { run_id, .. }) | Message::Due { run_id } => run_id.clone(),
            Message::Unreadable { .. } => String::new(),
        };
        let outcome = AssertUnwindSafe(async move { handler(message).await }).catch_unwind().await;
        FailPoint::BeforeAcknowledge.reach();
        if let Err(panic) = outcome {
            tracing::error!(
                id,
                run_id,
                panic = panic_text(panic.as_ref()),
                "the handler of a message panicked; the message is dropped, its run stays in the \
                 ledger, and workers are notified of it again when its lease has expired"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        // A poisoned set is still consistent: every critical section is a single call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entry of an id in the set, removed however its handler ends.
struct Held {
    handling: Handling,
    id: String,
}

impl Held {
    fn take(handling: &Handling, id: &str) -> Option<Self> {
        let free = handling.lock().insert(id.to_owned());
        free.then(|| Self { handling: handling.clone(), id: id.to_owned() })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.handling.lock().remove(&self.id);
    }
}

/// Text of a panic, if it has one.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
