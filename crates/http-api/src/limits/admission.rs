//! How many calls of a kind run at once, and in how much memory.

use std::sync::Arc;
use std::time::Duration;

use eider_application::Error;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_application::runtime::{MemoryGuard, MemoryPressure, Reservation};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;

/// Lets so many calls run, and the next wait for a while.
#[derive(Debug)]
pub(crate) struct Admission {
    /// What a client is told is used up.
    budget: &'static str,
    permits: Arc<Semaphore>,
    places: usize,
    wait: Duration,
    memory: MemoryGuard,
    running: Gauge,
    waiting: Gauge,
}

/// A place among the calls that run at once and the memory for it; both are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    _permit: OwnedSemaphorePermit,
    _reservation: Reservation,
    _running: Counted,
}

/// A call that a gauge counts, until this is dropped.
#[derive(Debug)]
struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Admission {
    pub(crate) fn new(budget: &'static str, calls: usize, wait: Duration, memory: MemoryGuard) -> Self {
        let places = calls.clamp(1, Semaphore::MAX_PERMITS);
        let (permits, waiting) = (Arc::new(Semaphore::new(places)), Gauge::default());
        Self { budget, permits, places, wait, memory, running: Gauge::default(), waiting }
    }

    /// Calls that run at most.
    pub(crate) fn places(&self) -> usize {
        self.places
    }

    /// Calls that run.
    pub(crate) fn running(&self) -> &Gauge {
        &self.running
    }

    /// Calls that wait.
    pub(crate) fn waiting(&self) -> &Gauge {
        &self.waiting
    }

    /// Waits for a place and for memory. Nothing of a body need have been read.
    ///
    /// # Errors
    /// 503 when there is none in time, and at once when memory is short.
    pub(crate) async fn admit(&self, need_bytes: u64) -> Result<Admitted, ApiError> {
        if self.memory.pressure() > MemoryPressure::Normal {
            return Err(memory_is_short());
        }
        let _waiting = Counted::new(&self.waiting);
        let deadline = Instant::now() + self.wait;
        let error = match timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => return self.reserve(permit, need_bytes, deadline).await,
            Ok(Err(closed)) => StoreError::new(StoreErrorKind::Cancelled, "the server is closing").with_source(closed),
            Err(_) => StoreError::unavailable(self.budget, "no place became free in time"),
        };
        Err(Error::Store(error).into())
    }

    async fn reserve(&self, permit: OwnedSemaphorePermit, bytes: u64, deadline: Instant) -> Result<Admitted, ApiError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let reservation = self.memory.reserve(bytes, left).await.ok_or_else(memory_is_short)?;
        Ok(Admitted { _permit: permit, _reservation: reservation, _running: Counted::new(&self.running) })
    }
}

/// 503 for want of memory.
pub(crate) fn memory_is_short() -> ApiError {
    Error::Store(StoreError::unavailable("memory", "memory is short")).into()
}
