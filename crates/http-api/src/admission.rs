//! How many calls of a kind run at once.

use std::sync::Arc;
use std::time::Duration;

use eider_application::{Error, StoreError, StoreErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::ApiError;

/// Lets so many calls run, and the next wait for a while.
#[derive(Debug)]
pub(crate) struct Admission {
    /// What a client is told is used up.
    budget: &'static str,
    permits: Arc<Semaphore>,
    wait: Duration,
}

impl Admission {
    pub(crate) fn new(budget: &'static str, calls: usize, wait: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(calls.clamp(1, Semaphore::MAX_PERMITS)));
        Self { budget, permits, wait }
    }

    /// Waits for a place, which is held until the permit is dropped. Nothing of a body need have been read.
    ///
    /// # Errors
    /// 503 when there is none in time.
    pub(crate) async fn admit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let error = match timeout(self.wait, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => return Ok(permit),
            Ok(Err(closed)) => StoreError::new(StoreErrorKind::Cancelled, "the server is closing").with_source(closed),
            Err(_) => StoreError::unavailable(self.budget, "no place became free in time"),
        };
        Err(Error::Store(error).into())
    }
}
