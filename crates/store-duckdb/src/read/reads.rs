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

use crate::read::fetch::{Looked, look};
use crate::table::Shared;
use crate::table::read_queue::{Caller, Waiting};
use crate::table::seeking::Contents;

/// Ids that one query reads at most.
pub(crate) const MAX_IDS: usize = 64;

/// Answers what waits until the schema is removed or the store is dropped.
pub(crate) async fn run(
    shared: Weak<Shared>,
    relation: Weak<Relation>,
    contents: Arc<Contents>,
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
        answer_once_read(&shared, relation, &contents, callers).await;
    }
}

async fn answer_once_read(
    shared: &Arc<Shared>,
    relation: Arc<Relation>,
    contents: &Arc<Contents>,
    callers: HashMap<Uuid, Vec<Caller>>,
) {
    let started = Instant::now();
    let ids: Vec<Uuid> = callers.keys().copied().collect();
    let (size, contents) = (ids.len(), Arc::clone(contents));
    let found = worker::read_version(&shared.pool, relation.version().clone(), move |connection| {
        let Looked { mut found, elsewhere, .. } = look(connection, &relation, &contents, &ids)?;
        if !elsewhere.is_empty() {
            let statement = sql::records(&relation, &elsewhere);
            let read = rows::collect(connection, &statement, relation.schema().arrow(), usize::MAX)?;
            if let Some(read) = read {
                found.extend(ids_of(&read).enumerate().map(|(row, id)| (id, read.slice(row, 1))));
            }
        }
        Ok(found)
    });
    match found.await {
        Ok(found) => answer_all(callers, |id| Ok(found.get(&id).cloned())),
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
