//! A write from its first batch to its commit.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_application::ports::{
    BatchWriter, CommitOutcome, CommitTerms, EndedWrite, IdOrigin, StoreError, StoreErrorKind, WriteRequest,
};
use eider_application::runtime::blocking;
use eider_engine_duckdb::connection::{TableVersion, worker};
use eider_engine_duckdb::error::internal;
use tracing::instrument;

use crate::table::Shared;
use crate::table::flush::with_table;
use crate::write::commit::commit;
use crate::write::staging::Staging;

/// Stages batches without a connection; takes one, and the write lock of the schema, only to commit.
#[derive(Debug)]
pub(crate) struct StagedWriter {
    shared: Arc<Shared>,
    request: WriteRequest,
    version: TableVersion,
    /// Empty once a batch was refused or could not be staged: the write is then lost.
    staging: Option<Staging>,
}

impl StagedWriter {
    pub(crate) fn new(shared: Arc<Shared>, request: WriteRequest, version: TableVersion) -> Self {
        let settings = &shared.settings;
        let staging = Staging::new(settings.staging_memory_bytes, settings.temp_directory.clone());
        Self { shared, request, version, staging: Some(staging) }
    }
}

#[async_trait]
impl BatchWriter for StagedWriter {
    async fn append(&mut self, batch: RecordBatch, ids: IdOrigin) -> Result<(), StoreError> {
        let mut staging = self.staging.take().ok_or_else(lost)?;
        if batch.schema_ref() != self.request.schema.arrow() {
            return Err(StoreError::new(StoreErrorKind::InvalidInput, "the batch has other columns than the schema"));
        }
        let staging = if staging.holds(&batch) {
            staging.push(batch, ids)?;
            staging
        } else {
            blocking::run(move || staging.push(batch, ids).map(|()| staging)).await??
        };
        self.staging = Some(staging);
        Ok(())
    }

    #[instrument(name = "store.commit", level = "debug", skip_all, fields(schema.name = %self.request.schema.name()))]
    async fn commit(self: Box<Self>, terms: CommitTerms) -> Result<EndedWrite, StoreError> {
        let Self { shared, request, version, staging } = *self;
        let staging = staging.ok_or_else(lost)?;
        let rows = staging.rows();
        let started = Instant::now();
        let name = request.schema.name().clone();
        let _alone = if staging.is_spilled() { Some(shared.large_commits.lock().await) } else { None };
        let (lock, schema) = shared.write_lock_to_store(&request.schema, &version).await?;
        let mut lock = with_table(&shared, lock).await?;
        let request = WriteRequest { schema, ..request };
        let (waited, begun) = (started.elapsed(), Instant::now());
        let ended = worker::write(&shared.pool, move |connection| {
            let counters = lock.counters();
            let table = lock.table().clone();
            let (ended, next) = commit(connection, &request, staging, &terms, counters, lock.ids(), &table)?;
            if let Some(next) = next {
                let has_deletions = matches!(&ended.outcome, CommitOutcome::Committed(receipt) if receipt.updated > 0);
                if has_deletions { lock.advance_deleted(next) } else { lock.advance_appended(next) }
            }
            Ok(ended)
        })
        .await?;
        if matches!(&ended.outcome, CommitOutcome::Committed(receipt) if receipt.commit_seq.is_some()) {
            shared.commits.bulk_seconds.record(begun.elapsed().as_secs_f64());
        }
        tracing::info!(
            schema.name = %name,
            batch.rows = rows,
            is_committed = matches!(ended.outcome, CommitOutcome::Committed(_)),
            turn_wait_ms = waited.as_secs_f64() * 1e3,
            duration_ms = started.elapsed().as_secs_f64() * 1e3,
            "store commit"
        );
        Ok(ended)
    }
}

fn lost() -> StoreError {
    internal("the write was lost when a batch was refused")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use eider_application::ports::{RecordWriter, SchemaCatalog};
    use eider_testkit::{batch, schema};
    use serde_json::json;
    use tokio::time::timeout;

    use super::*;
    use crate::file::settings::StoreSettings;
    use crate::store::DuckDbStore;

    #[tokio::test]
    async fn a_write_too_large_for_memory_waits_for_another_and_a_small_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let settings = StoreSettings::new(directory.path().join("eider.duckdb"), directory.path().join("tmp"));
        let store = DuckDbStore::open(StoreSettings { staging_memory_bytes: 64 << 10, ..settings }).await.unwrap();
        let definition = json!({"name": "notes", "properties": [{"name": "text", "type": "string"}]});
        let schema = store.create(schema(definition)).await.unwrap();
        let write = async |length: usize| {
            let mut writer = store.begin_write(WriteRequest::new(Arc::clone(&schema))).await.unwrap();
            writer.append(batch(&schema, json!([{"text": "x".repeat(length)}])), IdOrigin::Generated).await.unwrap();
            writer.commit(CommitTerms::all_or_nothing()).await.unwrap().outcome
        };
        let other = store.shared.large_commits.lock().await;
        assert!(matches!(write(10).await, CommitOutcome::Committed(_)));
        timeout(Duration::from_millis(50), write(100_000)).await.unwrap_err();
        drop(other);
        assert!(matches!(write(100_000).await, CommitOutcome::Committed(_)));
    }
}
