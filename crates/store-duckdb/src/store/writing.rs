//! The roles that write, and those that tell of what was written.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use eider_application::ports::{
    Backup, BackupPieces, BackupSource, BatchWriter, Change, ChangeOutcome, CommitLog, CommitReceipt, DeleteOutcome,
    IdempotencyRecord, IdempotencyRecords, RecordWriter, RuleChecker, StoreError, StoreErrorKind, SuggestionOutcome,
    SuggestionRequest, Validation, ValidationRequest, WriteRequest,
};
use eider_domain::{Filter, Schema, Timestamp};
use eider_engine_duckdb::connection::worker;
use eider_engine_duckdb::connection::worker::{Decision, transaction};
use eider_engine_duckdb::error::{internal, schema_removed, store_error};
use eider_engine_duckdb::params_from_iter;
use eider_engine_duckdb::quality::validate;
use tracing::{Instrument, instrument};

use super::DuckDbStore;
use crate::catalog;
use crate::operate::backup;
use crate::sql;
use crate::table::Table;
use crate::table::change_queue;
use crate::table::flush::table_lock;
use crate::table::places::Emptied;
use crate::write::suggestions;
use crate::write::writer::StagedWriter;

#[async_trait]
impl RecordWriter for DuckDbStore {
    async fn begin_write(&self, request: WriteRequest) -> Result<Box<dyn BatchWriter>, StoreError> {
        let version = self.shared.table_of(&request.schema)?.relation.version().clone();
        Ok(Box::new(StagedWriter::new(Arc::clone(&self.shared), request, version)))
    }

    #[instrument(name = "store.change", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn change(&self, schema: &Arc<Schema>, change: Change) -> Result<ChangeOutcome, StoreError> {
        let queue = self.shared.table_of(schema)?.queue;
        change_queue::submit(&queue, change).await
    }

    #[instrument(name = "store.delete", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn delete(
        &self,
        schema: &Arc<Schema>,
        filter: &Filter,
        max_affected: u64,
    ) -> Result<DeleteOutcome, StoreError> {
        let started = Instant::now();
        let statement = sql::delete(schema, filter);
        let mut lock = table_lock(&self.shared, schema).await?;
        let begun = Instant::now();
        let (name, schema) = (schema.name(), Arc::clone(schema));
        let outcome = worker::write(&self.shared.pool, move |connection| {
            let next = lock.counters().after(0);
            let table = lock.table().clone();
            let _change = table.contents.places.begin_change();
            let (rows, is_committed) = transaction(connection, || {
                let rows = connection
                    .execute(&statement.sql, params_from_iter(statement.values.iter()))
                    .map_err(store_error)? as u64;
                if rows == 0 || rows > max_affected {
                    return Ok(Decision::RollBack((rows, false)));
                }
                catalog::advance(connection, &schema, next)?;
                Ok(Decision::Commit((rows, true)))
            })?;
            if is_committed {
                table.tell_of(connection, next, Emptied::Unknown);
                lock.advance_deleted(next);
                return Ok(DeleteOutcome::Deleted(CommitReceipt { rows, commit_seq: next.commit_seq() }));
            }
            Ok(match rows {
                0 => DeleteOutcome::Deleted(lock.unchanged()),
                matching => DeleteOutcome::TooMany { matching },
            })
        })
        .await?;
        if outcome.deleted() > 0 {
            self.shared.commits.bulk_seconds.record(begun.elapsed().as_secs_f64());
        }
        let (rows, duration_ms) = (outcome.deleted(), started.elapsed().as_secs_f64() * 1e3);
        tracing::info!(schema.name = %name, delete.rows = rows, duration_ms, "store delete");
        Ok(outcome)
    }
}

#[async_trait]
impl CommitLog for DuckDbStore {
    async fn commit_seq(&self, schema: &Arc<Schema>) -> Result<u64, StoreError> {
        Ok(*self.shared.table_of(schema)?.committed.borrow())
    }

    async fn wait_for_commit(
        &self,
        schema: &Arc<Schema>,
        commit_seq: u64,
        at_most: Duration,
    ) -> Result<(), StoreError> {
        let Table { committed, lost_commits, .. } = self.shared.table_of(schema)?;
        if lost_commits.iter().any(|range| range.contains(&commit_seq)) {
            let message = "the commit was lost when the store was restored";
            return Err(StoreError::new(StoreErrorKind::CommitLost, message));
        }
        let mut committed = committed.subscribe();
        let reached = committed.wait_for(|last| *last >= commit_seq);
        match tokio::time::timeout(at_most, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(schema_removed()),
            Err(_) => Err(StoreError::new(StoreErrorKind::Timeout, "the commit did not come in time")),
        }
    }
}

#[async_trait]
impl IdempotencyRecords for DuckDbStore {
    async fn idempotency_record(
        &self,
        schema: &Arc<Schema>,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        // What was stored while this looked is found in the table.
        if let Some(answer) = self.shared.table_of(schema)?.contents.pending.answer(key) {
            return Ok((answer.at >= since).then_some(answer));
        }
        let (schema, key) = (Arc::clone(schema), key.to_owned());
        worker::read(&self.shared.pool, move |connection| catalog::idempotency_record(connection, &schema, &key, since))
            .await
    }
}

#[async_trait]
impl RuleChecker for DuckDbStore {
    #[instrument(name = "store.validate", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn validate(&self, schema: &Arc<Schema>, request: ValidationRequest) -> Result<Validation, StoreError> {
        let relation = self.settled(schema).await?.relation;
        let directory = self.shared.settings.temp_directory.clone();
        validate(&self.shared.pool, relation, sql::snapshot(schema), request, directory).await
    }

    #[instrument(name = "store.apply_suggestions", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn apply_suggestions(
        &self,
        schema: &Arc<Schema>,
        request: SuggestionRequest,
    ) -> Result<SuggestionOutcome, StoreError> {
        suggestions::apply(&self.shared, schema, request).await
    }
}

#[async_trait]
impl BackupSource for DuckDbStore {
    #[instrument(name = "store.backup", level = "debug", skip_all)]
    async fn backup(&self) -> Result<Backup, StoreError> {
        // To its end, also when nobody waits for it any more: the write locks are held as long as the checkpoint runs.
        let begun = tokio::spawn(backup::begin(Arc::clone(&self.shared)).in_current_span());
        begun.await.map_err(|error| internal("the backup did not begin").with_source(error))?
    }

    async fn read_again(&self, token: u64, range: Range<u64>) -> Result<Option<BackupPieces>, StoreError> {
        backup::read_again(&self.shared, token, range).await
    }
}
