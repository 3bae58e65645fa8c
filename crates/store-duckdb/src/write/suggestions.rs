//! What rules suggest, written in one transaction: as a bulk call that replaces, but made in the engine.

use std::sync::Arc;
use std::time::Instant;

use eider_application::ports::{CommitReceipt, StoreError, SuggestionOutcome, SuggestionRequest};
use eider_domain::Schema;
use eider_engine_duckdb::connection::worker::{self, Decision, transaction};
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::quality::{Suggested, suggest};
use eider_engine_duckdb::{Connection, Relation};

use crate::catalog::Counters;
use crate::sql;
use crate::table::Shared;
use crate::table::flush::table_lock;
use crate::table::places::Emptied;
use crate::write::unique_keys::keys_of;

/// Applies rules together to every record that breaks them now.
pub(crate) async fn apply(
    shared: &Arc<Shared>,
    schema: &Arc<Schema>,
    request: SuggestionRequest,
) -> Result<SuggestionOutcome, StoreError> {
    // It may be every record of the schema.
    let _alone = shared.large_commits.lock().await;
    let mut lock = table_lock(shared, schema).await?;
    let (begun, relation) = (Instant::now(), shared.table_of(schema)?.relation);
    let outcome = worker::write(&shared.pool, move |connection| {
        let (counters, table) = (lock.counters(), lock.table().clone());
        let _change = table.contents.places.begin_change();
        let (written, next) = write(connection, &relation, &request, counters)?;
        if let Some(next) = next {
            table.tell_of(connection, next, Emptied::Unknown);
            lock.advance_deleted(next);
        }
        Ok(written.unwrap_or_else(|| SuggestionOutcome::Written {
            receipt: lock.unchanged(),
            changed: vec![0; request.rules.len()],
        }))
    })
    .await?;
    if matches!(&outcome, SuggestionOutcome::Written { receipt, .. } if receipt.rows > 0) {
        shared.commits.bulk_seconds.record(begun.elapsed().as_secs_f64());
    }
    Ok(outcome)
}

/// The transaction: how it ended, unless no record breaks any rule, and the counters after it when anything was changed.
fn write(
    connection: &Connection,
    relation: &Relation,
    request: &SuggestionRequest,
    counters: Counters,
) -> Result<(Option<SuggestionOutcome>, Option<Counters>), StoreError> {
    let schema = relation.schema();
    transaction(connection, || {
        let (records, changed) = match suggest(connection, relation, request, &keys_of(schema, false))? {
            Suggested::Nothing => return Ok(Decision::RollBack((None, None))),
            Suggested::Refused(outcome) => return Ok(Decision::RollBack((Some(outcome), None))),
            Suggested::Made { records, changed } => (records, changed),
        };
        for statement in sql::replace_suggested(schema, counters.next_sequence()) {
            connection.execute_batch(&statement).map_err(store_error)?;
        }
        let next = counters.after(records);
        let receipt = CommitReceipt { rows: records.unsigned_abs(), commit_seq: next.commit_seq() };
        Ok(Decision::Commit((Some(SuggestionOutcome::Written { receipt, changed }), Some(next))))
    })
}
