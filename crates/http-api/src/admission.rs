//! How many calls of a kind run at once.

use std::sync::Arc;
use std::time::Duration;

use eider_application::{Error, StoreError, StoreErrorKind};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::ApiError;

/// Lets so many calls run, and the next wait for a while. Clones share their places.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    /// What a client is told is used up.
    budget: &'static str,
    permits: Arc<Semaphore>,
    places: usize,
    wait: Duration,
    waiting: Gauge,
}

/// A call that waits for a place, until this is dropped.
struct Waiting<'a>(&'a Gauge);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Admission {
    pub(crate) fn new(budget: &'static str, calls: usize, wait: Duration) -> Self {
        let places = calls.clamp(1, Semaphore::MAX_PERMITS);
        Self { budget, permits: Arc::new(Semaphore::new(places)), places, wait, waiting: Gauge::default() }
    }

    /// Calls that run.
    pub(crate) fn running(&self) -> usize {
        self.places.saturating_sub(self.permits.available_permits())
    }

    /// Calls that wait.
    pub(crate) fn waiting(&self) -> &Gauge {
        &self.waiting
    }

    /// Waits for a place, which is held until the permit is dropped. Nothing of a body need have been read.
    ///
    /// # Errors
    /// 503 when there is none in time.
    pub(crate) async fn admit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        self.waiting.inc();
        let _waiting = Waiting(&self.waiting);
        let error = match timeout(self.wait, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => return Ok(permit),
            Ok(Err(closed)) => StoreError::new(StoreErrorKind::Cancelled, "the server is closing").with_source(closed),
            Err(_) => StoreError::unavailable(self.budget, "no place became free in time"),
        };
        Err(Error::Store(error).into())
    }
}
