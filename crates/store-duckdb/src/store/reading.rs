//! The roles that read.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_application::ports::{
    Aggregator, DataProfile, Explainer, IdentityStatistics, IndexEstimate, ProfileRequest, Profiler, ReadPlan,
    ReadRequest, ReadShape, RecordReader, RecordStream, ScanRequest, SchemaStatistics, StoreError,
};
use eider_domain::{Aggregation, Field, Filter, Index, RecordId, Schema};
use eider_engine_duckdb::connection::worker;
use eider_engine_duckdb::read::{self, count_now};
use futures::TryStreamExt;
use tracing::instrument;

use super::DuckDbStore;
use crate::read::by_index;
use crate::read::indexes;
use crate::read::shortcuts::Shortcuts;
use crate::read::statistics::{record_counts, statistics};
use crate::table::Table;
use crate::table::flush::settle;
use crate::table::read_queue;
use crate::table::seeking::Sought;

#[async_trait]
impl RecordReader for DuckDbStore {
    #[instrument(name = "store.scan", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<RecordStream, StoreError> {
        let table = self.settled(schema).await?;
        if let Some(answer) = by_index::answer(&self.shared, &table, &request).await? {
            return Ok(answer.into_stream(&request));
        }
        let shortcuts = Box::new(Shortcuts::of(&table));
        read::records(&self.shared.pool, table.relation, request, shortcuts, self.shared.settings.scan_batch).await
    }

    #[instrument(name = "store.record", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn record(&self, schema: &Arc<Schema>, id: RecordId) -> Result<Option<RecordBatch>, StoreError> {
        let table = self.shared.table_of(schema)?;
        match table.contents.recall(*id.as_uuid())? {
            Sought::Record(record) => Ok(Some(record)),
            Sought::Nothing => Ok(None),
            Sought::At(_) | Sought::Unknown => read_queue::submit(&table.reads, id).await,
        }
    }

    #[instrument(name = "store.count", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, StoreError> {
        let relation = self.settled(schema).await?.relation;
        let started = Instant::now();
        let count = read::count(&self.shared.pool, relation, filter).await?;
        let name = schema.name();
        tracing::info!(schema.name = %name, count.rows = count, duration_ms = started.elapsed().as_secs_f64() * 1e3, "store count");
        Ok(count)
    }

    #[instrument(name = "store.statistics", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, StoreError> {
        let Table { id_filter, relation, contents, .. } = self.settled(schema).await?;
        let filter = id_filter.status();
        let identity = IdentityStatistics {
            has_index: contents.indexes.has_ids(contents.places.next()),
            generated_ids: "by_construction",
            given_ids: if filter.is_given_up { "scan" } else { "filter_then_scan" },
            filter_bytes: filter.bytes,
        };
        let indexes = contents.indexes.current(contents.places.next()).into_iter();
        let indexes = indexes.map(|index| Index { fields: index.fields.clone(), is_unique: index.is_unique }).collect();
        let version = relation.version().clone();
        let count = move |connection: &_| statistics(connection, &relation, indexes, identity);
        worker::read_version(&self.shared.pool, version, count).await
    }

    #[instrument(name = "store.record_counts", level = "debug", skip_all)]
    async fn record_counts(&self, schemas: &[Arc<Schema>]) -> Result<Vec<Option<u64>>, StoreError> {
        for schema in schemas {
            // One that was removed meanwhile has no count.
            if let Ok(table) = self.shared.table_now(schema) {
                settle(&self.shared, &table).await?;
            }
        }
        let (shared, schemas) = (Arc::clone(&self.shared), schemas.to_vec());
        worker::read(&self.shared.pool, move |connection| record_counts(connection, &shared, &schemas)).await
    }
}

#[async_trait]
impl Aggregator for DuckDbStore {
    #[instrument(name = "store.aggregate", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn aggregate(
        &self,
        schema: &Arc<Schema>,
        aggregation: &Aggregation,
        limit: Option<u64>,
    ) -> Result<RecordStream, StoreError> {
        let relation = self.settled(schema).await?.relation;
        read::groups(&self.shared.pool, &relation, aggregation, limit, self.shared.settings.scan_batch).await
    }
}

#[async_trait]
impl Profiler for DuckDbStore {
    #[instrument(name = "store.profile", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn profile(&self, schema: &Arc<Schema>, request: &ProfileRequest) -> Result<DataProfile, StoreError> {
        read::profile(&self.shared.pool, self.settled(schema).await?.relation, request).await
    }
}

#[async_trait]
impl Explainer for DuckDbStore {
    #[instrument(name = "store.explain", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn explain(&self, schema: &Arc<Schema>, request: &ReadRequest) -> Result<ReadPlan, StoreError> {
        let table = self.settled(schema).await?;
        if let ReadRequest::Scan(scan) = request
            && let Some(answer) = by_index::answer(&self.shared, &table, scan).await?
        {
            let relation = table.relation;
            let counted = move |connection: &_| count_now(connection, &relation, &Filter::everything());
            let records = worker::read(&self.shared.pool, counted).await?;
            return Ok(answer.plan(scan, records));
        }
        let (shortcuts, relation, request) = (Shortcuts::of(&table), table.relation, request.clone());
        let version = relation.version().clone();
        let explain = move |connection: &_| indexes::explain(connection, &relation, &request, &shortcuts);
        worker::read_version(&self.shared.pool, version, explain).await
    }

    fn index_serves(&self, shape: &ReadShape, property: &str) -> bool {
        indexes::index_serves(shape, property)
    }

    async fn estimate_indexes(
        &self,
        schema: &Arc<Schema>,
        records: u64,
        properties: &[Field],
    ) -> Result<Vec<IndexEstimate>, StoreError> {
        let Some(statistics) = indexes::index_statistics(properties) else { return Ok(Vec::new()) };
        let statistics = self.aggregate(schema, &statistics, None).await?.try_next().await?;
        Ok(statistics.map_or_else(Vec::new, |statistics| indexes::index_estimates(&statistics, records)))
    }
}
