//! Reads of single records that wait at the same time, answered by one query.
//!
//! Each schema has a queue and one task that takes whatever waits, reads it in one query, and answers each caller.
//! Nobody is waited for: a read that comes alone is read alone. To read a few records costs little more than to read
//! one, for most of it is planning.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use arrow_array::RecordBatch;
use eider_application::{StoreError, StoreErrorKind};
use eider_domain::{RecordId, Schema};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::commit::ids_of;
use crate::error::schema_removed;
use crate::evolution::TableVersion;
use crate::record_cache::CachedRecords;
use crate::shared::Shared;
use crate::{scan, sql, worker};

/// Ids that one query reads at most.
pub(crate) const MOST_IDS: usize = 64;
/// Reads that may wait at once, for each schema.
pub(crate) const QUEUE_LENGTH: usize = 8_192;

/// A read and the caller that waits for it.
#[derive(Debug)]
pub(crate) struct Waiting {
    id: Uuid,
    answer: Caller,
}

type Caller = oneshot::Sender<Result<Option<RecordBatch>, StoreError>>;
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

/// Answers what waits until the schema is removed or the store is dropped.
pub(crate) async fn run(
    shared: Weak<Shared>,
    schema: Weak<Schema>,
    (records, version): (Arc<CachedRecords>, TableVersion),
    mut queue: mpsc::Receiver<Waiting>,
) {
    while let Some(first) = queue.recv().await {
        let mut callers: HashMap<Uuid, Vec<Caller>> = HashMap::new();
        let mut next = Some(first);
        while let Some(Waiting { id, answer }) = next {
            // A caller that has gone needs no answer.
            if !answer.is_closed() {
                callers.entry(id).or_default().push(answer);
            }
            next = if callers.len() < MOST_IDS { queue.try_recv().ok() } else { None };
        }
        if callers.is_empty() {
            continue;
        }
        let (Some(shared), Some(schema)) = (shared.upgrade(), schema.upgrade()) else {
            answer_all(callers, |_| Err(schema_removed()));
            continue;
        };
        answer_once_read(&shared, schema, (&records, &version), callers).await;
    }
}

async fn answer_once_read(
    shared: &Arc<Shared>,
    schema: Arc<Schema>,
    (records, version): (&Arc<CachedRecords>, &TableVersion),
    callers: HashMap<Uuid, Vec<Caller>>,
) {
    let started = Instant::now();
    let ids: Vec<Uuid> = callers.keys().copied().collect();
    let (size, records) = (ids.len(), Arc::clone(records));
    let found = worker::read_version(&shared.pool, version.clone(), move |connection| {
        let reading = records.begin_read();
        let found = scan::collect(connection, &sql::records(&schema, &ids), schema.arrow(), usize::MAX)?;
        let found = found.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(schema.arrow())));
        reading.keep(&found)?;
        Ok(found)
    });
    match found.await {
        Ok(found) => {
            let rows: HashMap<Uuid, usize> = ids_of(&found).zip(0..).collect();
            answer_all(callers, |id| Ok(rows.get(&id).map(|row| found.slice(*row, 1))));
        }
        Err(error) => {
            tracing::debug!(%error, "store reads failed");
            let (kind, budget) = (error.kind(), error.budget());
            answer_all(callers, |_| {
                Err(match budget {
                    Some(budget) => StoreError::unavailable(budget, "the read could not begin"),
                    None => StoreError::new(kind, "the record could not be read"),
                })
            });
        }
    }
    tracing::debug!(read.ids = size, duration_ms = started.elapsed().as_secs_f64() * 1e3, "store reads");
}

fn answer_all(callers: HashMap<Uuid, Vec<Caller>>, outcome: impl Fn(Uuid) -> Result<Option<RecordBatch>, StoreError>) {
    for (id, callers) in callers {
        for caller in callers {
            let _ = caller.send(outcome(id));
        }
    }
}
