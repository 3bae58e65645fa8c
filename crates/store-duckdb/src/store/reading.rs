//! The roles that read.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_application::{
    Aggregator, DataProfile, Explainer, IdentityStatistics, IndexEstimate, ProfileRequest, Profiler, ReadPlan,
    ReadRequest, ReadShape, RecordReader, RecordStream, ScanRequest, SchemaStatistics, StoreError, StoreErrorKind,
};
use eider_domain::{Aggregation, Field, Filter, RecordId, Schema};
use eider_engine_duckdb::columns::scan_schema;
use eider_engine_duckdb::connection::worker;
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::params_from_iter;
use eider_engine_duckdb::read::profile;
use eider_engine_duckdb::sql::prepared::Prepared;
use eider_engine_duckdb::sql::{self};
use futures::TryStreamExt;
use tracing::instrument;

use super::DuckDbStore;
use crate::read::explain;
use crate::read::scan;
use crate::read::scan::{Scan, Source};
use crate::read::statistics::{record_counts, statistics};
use crate::table::Table;
use crate::table::read_queue;

#[async_trait]
impl RecordReader for DuckDbStore {
    #[instrument(name = "store.scan", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<RecordStream, StoreError> {
        let Table { version, ranges, lookups, committed, .. } = self.shared.table_of(schema)?;
        let (columns, commit_seq) = (scan_schema(schema, &request), *committed.borrow());
        let source = Source::Records { request, ranges, lookups, commit_seq };
        let batch = self.shared.settings.scan_batch;
        scan::scan(&self.shared.pool, Scan { schema: Arc::clone(schema), version, columns, source, batch }).await
    }

    #[instrument(name = "store.record", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn record(&self, schema: &Arc<Schema>, id: RecordId) -> Result<Option<RecordBatch>, StoreError> {
        let table = self.shared.table_of(schema)?;
        match table.records.get(*id.as_uuid())? {
            Some(record) => Ok(Some(record)),
            None => read_queue::submit(&table.reads, id).await,
        }
    }

    #[instrument(name = "store.count", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, StoreError> {
        let version = self.shared.table_of(schema)?.version;
        let started = Instant::now();
        let statement = sql::count(schema, filter);
        let count = worker::read_version(&self.shared.pool, version, move |connection| {
            let mut prepared = Prepared::new(connection, &statement)?;
            let count = prepared.query_row(params_from_iter(statement.values.iter()), |row| row.get(0));
            count.map_err(store_error)
        })
        .await?;
        let name = schema.name();
        tracing::info!(schema.name = %name, count.rows = count, duration_ms = started.elapsed().as_secs_f64() * 1e3, "store count");
        Ok(count)
    }

    #[instrument(name = "store.statistics", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, StoreError> {
        let Table { id_filter, version, .. } = self.shared.table_of(schema)?;
        let filter = id_filter.status();
        let identity = IdentityStatistics {
            has_index: false,
            generated_ids: "by_construction",
            given_ids: if filter.is_given_up { "scan" } else { "filter_then_scan" },
            filter_bytes: filter.bytes,
        };
        let schema = Arc::clone(schema);
        let count = move |connection: &_| statistics(connection, &schema, identity);
        worker::read_version(&self.shared.pool, version, count).await
    }

    #[instrument(name = "store.record_counts", level = "debug", skip_all)]
    async fn record_counts(&self, schemas: &[Arc<Schema>]) -> Result<Vec<Option<u64>>, StoreError> {
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
        let version = self.shared.table_of(schema)?.version;
        let (columns, batch) = (aggregation.arrow(), self.shared.settings.scan_batch);
        let groups = async |summation| {
            let (columns, version) = (Arc::clone(&columns), version.clone());
            let source = Source::Groups(sql::aggregate(schema, aggregation, limit, summation));
            scan::scan(&self.shared.pool, Scan { schema: Arc::clone(schema), version, columns, source, batch }).await
        };
        // Groups come in an order, so that they are all made before the first one comes.
        match groups(sql::Summation::Fast).await {
            Err(error) if error.kind() == StoreErrorKind::OutOfRange => groups(sql::Summation::Exact).await,
            outcome => outcome,
        }
    }
}

#[async_trait]
impl Profiler for DuckDbStore {
    #[instrument(name = "store.profile", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn profile(&self, schema: &Arc<Schema>, request: &ProfileRequest) -> Result<DataProfile, StoreError> {
        let version = self.shared.table_of(schema)?.version;
        let caller = Arc::new(());
        let (schema, request, waiting) = (Arc::clone(schema), request.clone(), Arc::downgrade(&caller));
        let profile = move |connection: &_| profile::profile(connection, (&schema, &version), &request, &waiting);
        worker::read(&self.shared.pool, profile).await
    }
}

#[async_trait]
impl Explainer for DuckDbStore {
    #[instrument(name = "store.explain", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn explain(&self, schema: &Arc<Schema>, request: &ReadRequest) -> Result<ReadPlan, StoreError> {
        let Table { version, ranges, lookups, committed, .. } = self.shared.table_of(schema)?;
        let (schema, request, commit_seq) = (Arc::clone(schema), request.clone(), *committed.borrow());
        let explain =
            move |connection: &_| explain::explain(connection, &schema, &request, (&ranges, &lookups), commit_seq);
        worker::read_version(&self.shared.pool, version, explain).await
    }

    fn index_serves(&self, shape: &ReadShape, property: &str) -> bool {
        explain::index_serves(shape, property)
    }

    async fn estimate_indexes(
        &self,
        schema: &Arc<Schema>,
        records: u64,
        properties: &[Field],
    ) -> Result<Vec<IndexEstimate>, StoreError> {
        let Some(figures) = explain::index_figures(properties) else { return Ok(Vec::new()) };
        let figures = self.aggregate(schema, &figures, None).await?.try_next().await?;
        Ok(figures.map_or_else(Vec::new, |figures| explain::index_estimates(&figures, records)))
    }
}
