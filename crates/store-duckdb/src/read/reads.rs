//! Reads of single records that wait at the same time, answered by one query.
//!
//! Each schema has a queue and one task that takes whatever waits, reads it in one query, and answers each caller.
//! Nobody is waited for: a read that comes alone is read alone. To read a few records costs little more than to read
//! one, for most of it is planning.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use arrow_array::RecordBatch;
use eider_application::ports::StoreError;
use eider_engine_duckdb::Relation;
use eider_engine_duckdb::columns::ids_of;
use eider_engine_duckdb::connection::worker;
use eider_engine_duckdb::error::schema_removed;
use eider_engine_duckdb::sql;
use eider_engine_duckdb::sql::rows;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::table::Shared;
use crate::table::read_queue::{Caller, Waiting};
use crate::table::record_cache::CachedRecords;

/// Ids that one query reads at most.
pub(crate) const MAX_IDS: usize = 64;

/// Answers what waits until the schema is removed or the store is dropped.
pub(crate) async fn run(
    shared: Weak<Shared>,
    relation: Weak<Relation>,
    records: Arc<CachedRecords>,
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
            next = if callers.len() < MAX_IDS { queue.try_recv().ok() } else { None };
        }
        if callers.is_empty() {
            continue;
        }
        let (Some(shared), Some(relation)) = (shared.upgrade(), relation.upgrade()) else {
            answer_all(callers, |_| Err(schema_removed()));
            continue;
        };
        answer_once_read(&shared, relation, &records, callers).await;
    }
}

async fn answer_once_read(
    shared: &Arc<Shared>,
    relation: Arc<Relation>,
    records: &Arc<CachedRecords>,
    callers: HashMap<Uuid, Vec<Caller>>,
) {
    let started = Instant::now();
    let ids: Vec<Uuid> = callers.keys().copied().collect();
    let (size, records) = (ids.len(), Arc::clone(records));
    let found = worker::read_version(&shared.pool, relation.version().clone(), move |connection| {
        let reading = records.begin_read();
        let found = rows::collect(connection, &sql::records(&relation, &ids), relation.schema().arrow(), usize::MAX)?;
        let found = found.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(relation.schema().arrow())));
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
