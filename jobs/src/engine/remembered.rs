//! What a job remembers while it is worked on.

use std::sync::{Mutex, PoisonError};

/// What one claim has seen, so that it need not look again. It is no part of what was asked for: it
/// is never written down, and a copy of the job, as each claim works with one, begins without.
#[derive(Debug, Default)]
pub struct ClaimCache<T>(Mutex<T>);

impl<T> ClaimCache<T> {
    /// Looks at it, or changes it.
    pub fn with<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Default> Clone for ClaimCache<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Two jobs that are the same are so whatever was seen of them.
impl<T> PartialEq for ClaimCache<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl<T> Eq for ClaimCache<T> {}
