//! Data that a job remembers while a claim works on it.

use std::sync::{Mutex, PoisonError};

/// Cache of one claim, so that it need not read the same data again. It is no part of the request:
/// it is never stored, and a copy of the job, as each claim works with one, starts with an empty
/// cache.
#[derive(Debug, Default)]
pub struct ClaimCache<T>(Mutex<T>);

impl<T> ClaimCache<T> {
    /// Reads or changes the cached value.
    pub fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Default> Clone for ClaimCache<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Two requests for the same job are equal, whatever their caches hold.
impl<T> PartialEq for ClaimCache<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl<T> Eq for ClaimCache<T> {}
