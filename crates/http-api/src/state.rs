//! What every handler is given.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eider_application::access::KeyRing;
use eider_application::runtime::{MemoryGuard, Reservation};
use eider_application::{
    BackupService, Error, ErrorCode, QueryService, RecordService, SchemaService, ValidationService,
};
use eider_domain::{Schema, SchemaName};
use prometheus_client::registry::Registry;

use crate::DroppedLines;
use crate::HttpSettings;
use crate::error::ApiError;
use crate::limits::admission::{Admission, memory_is_short};
use crate::limits::throttle::Throttle;
use crate::query_string::Parameters;
use crate::response::cache::ResponseCache;
use crate::response::kept::Kept;
use crate::settings::LiveSettings;
use crate::telemetry::metrics;
use crate::telemetry::metrics::{RecordMetrics, RequestMetrics, Sources, StreamMetrics};
use crate::telemetry::slow::SlowOperations;

/// The control that names the commit that a read must see.
pub(crate) const MIN_SEQ: &str = "min_seq";

/// How long a request is made again when its schema changes, and the longest pause before it is.
const CHANGE_PATIENCE: Duration = Duration::from_secs(10);
const MAX_CHANGE_PAUSE: Duration = Duration::from_millis(20);

/// Records up to which a page is short.
const SHORT_PAGE: u64 = 1000;
/// Memory that a record of a page takes while the page is read and written, roughly.
const RECORD_BYTES: u64 = 2 << 10;

/// One for each version of OpenAPI.
const MAX_DESCRIPTIONS: usize = 2;
/// Those, and the files of the page that shows them, in each coding.
const MAX_COMPRESSED: usize = 12;

/// The use cases that the API offers.
#[derive(Debug, Clone)]
pub struct Services {
    /// Use cases on schemas.
    pub schemas: SchemaService,
    /// Use cases that write records.
    pub ingest: RecordService,
    /// Use cases that read records.
    pub query: QueryService,
    /// What keeps requests out while memory is short.
    pub memory: MemoryGuard,
    /// Copies of everything.
    pub backup: BackupService,
    /// Rules checked against what is stored.
    pub validations: ValidationService,
    /// The keys of clients.
    pub keys: KeyRing,
    /// How many lines of the log were dropped.
    pub dropped_lines: DroppedLines,
}

#[derive(Debug)]
pub(crate) struct ApiState {
    pub(crate) services: Services,
    pub(crate) answers: ResponseCache,
    pub(crate) bulk_calls: Admission,
    /// What long answers were compressed to, of those that last.
    pub(crate) compressed: Kept,
    /// The descriptions of the API that were asked for last.
    pub(crate) descriptions: Kept,
    pub(crate) metrics: Registry,
    pub(crate) record_metrics: RecordMetrics,
    pub(crate) request_metrics: RequestMetrics,
    pub(crate) slow_operations: SlowOperations,
    pub(crate) stream_metrics: StreamMetrics,
    pub(crate) streams: Admission,
    pub(crate) throttle: Throttle,
    settings: LiveSettings,
}

impl ApiState {
    pub(crate) fn new(services: Services, live: LiveSettings) -> Self {
        let settings = live.current();
        let memory = || services.memory.clone();
        let bulk_calls = Admission::new("bulk_calls", settings.max_bulk_calls, settings.bulk_call_wait, memory());
        let answers = ResponseCache::new(settings.answer_cache_bytes);
        let stream_metrics = StreamMetrics::default();
        let streams = Admission::new("streams", settings.max_streams, settings.stream_wait, memory());
        let (record_metrics, request_metrics) = (RecordMetrics::default(), RequestMetrics::default());
        let slow_operations =
            SlowOperations { threshold: settings.slow_operation, counter: request_metrics.slow_operations.clone() };
        let metrics = metrics::registry(&Sources {
            query: &services.query,
            memory: &services.memory,
            validations: &services.validations,
            dropped_lines: &services.dropped_lines,
            answers: &answers,
            requests: &request_metrics,
            records: &record_metrics,
            stream_metrics: &stream_metrics,
            bulk_calls: &bulk_calls,
            streams: &streams,
        });
        let throttle = Throttle::new(&settings);
        Self {
            services,
            answers,
            bulk_calls,
            compressed: Kept::new(MAX_COMPRESSED),
            descriptions: Kept::new(MAX_DESCRIPTIONS),
            metrics,
            record_metrics,
            request_metrics,
            slow_operations,
            stream_metrics,
            streams,
            throttle,
            settings: live,
        }
    }

    /// The settings that are in force.
    pub(crate) fn settings(&self) -> Arc<HttpSettings> {
        self.settings.current()
    }

    /// Sets memory aside for a page. A short one needs none, so that small reads go on while memory is short.
    ///
    /// # Errors
    /// 503 when memory is short.
    pub(crate) async fn admit_page(&self, limit: u64) -> Result<Option<Reservation>, ApiError> {
        if limit <= SHORT_PAGE {
            return Ok(None);
        }
        let bytes = limit.saturating_mul(RECORD_BYTES);
        let reserved = self.services.memory.reserve(bytes, self.settings().stream_wait).await;
        reserved.map(Some).ok_or_else(memory_is_short)
    }

    /// The outcome of a request on a schema. It is made anew when the schema was changed while it was made.
    pub(crate) async fn with_schema<T>(
        &self,
        name: &str,
        make: impl AsyncFn(Arc<Schema>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let (since, mut pause) = (Instant::now(), Duration::ZERO);
        loop {
            match make(self.schema(name).await?).await {
                Err(error) if error.code() == ErrorCode::SchemaChanged && since.elapsed() < CHANGE_PATIENCE => {
                    tokio::time::sleep(pause).await;
                    // At once at first, to come before the next change.
                    pause = (pause * 2).clamp(Duration::from_millis(1), MAX_CHANGE_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    /// The same for a read, once the commit that its `min_seq` names is visible.
    pub(crate) async fn with_schema_to_read<T>(
        &self,
        name: &str,
        parameters: &Parameters<'_>,
        make: impl AsyncFn(Arc<Schema>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.with_schema(name, async |schema| {
            if let Some(text) = parameters.control(MIN_SEQ) {
                let commit_seq =
                    text.parse().map_err(|_| ApiError::parameter(MIN_SEQ, "it takes the number of a commit"))?;
                self.services.query.wait_for_commit(&schema, commit_seq, self.settings().min_seq_wait).await?;
            }
            make(schema).await
        })
        .await
    }

    /// The schema that a path or a body names. A text that cannot be a name names no schema.
    pub(crate) async fn schema(&self, name: &str) -> Result<Arc<Schema>, ApiError> {
        match SchemaName::parse(name) {
            Ok(name) => Ok(self.services.schemas.get(&name).await?),
            Err(error) => Err(ApiError::not_a_schema(&error)),
        }
    }
}

/// The outcome of a query that takes no longer than `at_most`; after that it is interrupted.
///
/// # Errors
/// 504, and whatever the query fails with.
pub(crate) async fn within<T>(at_most: Duration, query: impl Future<Output = Result<T, Error>>) -> Result<T, ApiError> {
    let Ok(outcome) = tokio::time::timeout(at_most, query).await else {
        let detail = format!("the query was interrupted after {} ms", at_most.as_millis());
        return Err(ApiError::new(ErrorCode::Timeout, detail));
    };
    Ok(outcome?)
}
