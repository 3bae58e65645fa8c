//! The queue of changes of single records of a schema.

use std::time::Instant;

use eider_application::ports::{Change, ChangeOutcome, StoreError, StoreErrorKind};
use eider_engine_duckdb::error::schema_removed;
use tokio::sync::{mpsc, oneshot};

/// A change and the caller that waits for it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) change: Change,
    pub(crate) since: Instant,
    pub(crate) answer: Caller,
}

pub(crate) type Caller = oneshot::Sender<Result<ChangeOutcome, StoreError>>;
pub(crate) type Queue = mpsc::Sender<Waiting>;

/// Puts a change in the queue and waits until it is committed or refused.
///
/// # Errors
/// `Unavailable` with the budget `write_queue` when the queue is full.
pub(crate) async fn submit(queue: &Queue, change: Change) -> Result<ChangeOutcome, StoreError> {
    let (answer, outcome) = oneshot::channel();
    let waiting = Waiting { change, since: Instant::now(), answer };
    queue.try_send(waiting).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => StoreError::unavailable("write_queue", "too many changes wait"),
        mpsc::error::TrySendError::Closed(_) => schema_removed(),
    })?;
    outcome.await.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Cancelled, "the store is closing")))
}
