//! The queue of reads of single records of a schema.

use arrow_array::RecordBatch;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_domain::RecordId;
use eider_engine_duckdb::error::schema_removed;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Reads that may wait at once, for each schema.
pub(crate) const QUEUE_LENGTH: usize = 8_192;

/// A read and the caller that waits for it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) id: Uuid,
    pub(crate) answer: Caller,
}

pub(crate) type Caller = oneshot::Sender<Result<Option<RecordBatch>, StoreError>>;
pub(crate) type Queue = mpsc::Sender<Waiting>;

/// Puts a read in the queue and waits for its answer.
///
/// # Errors
/// `Unavailable` with the budget `read_queue` when the queue is full.
pub(crate) async fn submit(queue: &Queue, id: RecordId) -> Result<Option<RecordBatch>, StoreError> {
    let (answer, record) = oneshot::channel();
    queue.try_send(Waiting { id: *id.as_uuid(), answer }).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => StoreError::unavailable("read_queue", "too many reads wait"),
        mpsc::error::TrySendError::Closed(_) => schema_removed(),
    })?;
    record.await.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Cancelled, "the store is closing")))
}
