//! What every handler is given.

use std::sync::Arc;
use std::time::Duration;

use eider_application::{Error, ErrorCode, IngestService, QueryService, SchemaService};
use eider_domain::{Schema, SchemaName};
use prometheus_client::registry::Registry;

use crate::admission::Admission;
use crate::answers::Answers;
use crate::error::ApiError;
use crate::metrics::StreamMetrics;
use crate::openapi::KeptDescription;
use crate::query_string::Parameters;
use crate::{HttpSettings, metrics};

/// The control that names the commit that a read must see.
pub(crate) const MIN_SEQ: &str = "min_seq";

/// The use cases that the API offers.
#[derive(Debug, Clone)]
pub struct Services {
    /// Use cases on schemas.
    pub schemas: SchemaService,
    /// Use cases that write records.
    pub ingest: IngestService,
    /// Use cases that read records.
    pub query: QueryService,
}

#[derive(Debug)]
pub(crate) struct ApiState {
    pub(crate) services: Services,
    pub(crate) answers: Answers,
    pub(crate) bulk_calls: Admission,
    pub(crate) description: KeptDescription,
    pub(crate) metrics: Registry,
    pub(crate) stream_metrics: StreamMetrics,
    pub(crate) streams: Admission,
    pub(crate) settings: HttpSettings,
}

impl ApiState {
    pub(crate) fn new(services: Services, settings: HttpSettings) -> Self {
        let bulk_calls = Admission::new("bulk_calls", settings.max_bulk_calls, settings.bulk_call_wait);
        let answers = Answers::new(settings.answer_cache_bytes);
        let stream_metrics = StreamMetrics::default();
        let metrics = metrics::registry(&services.query, &answers, &stream_metrics);
        let streams = Admission::new("streams", settings.max_streams, settings.stream_wait);
        let description = KeptDescription::default();
        Self { services, answers, bulk_calls, description, metrics, stream_metrics, streams, settings }
    }

    /// The schema that a path or a body names. A text that cannot be a name names no schema.
    pub(crate) async fn schema(&self, name: &str) -> Result<Arc<Schema>, ApiError> {
        match SchemaName::parse(name) {
            Ok(name) => Ok(self.services.schemas.get(&name).await?),
            Err(error) => Err(ApiError::not_a_schema(&error)),
        }
    }

    /// The same for a read, once the commit that its `min_seq` names is visible.
    pub(crate) async fn schema_to_read(
        &self,
        name: &str,
        parameters: &Parameters<'_>,
    ) -> Result<Arc<Schema>, ApiError> {
        let schema = self.schema(name).await?;
        if let Some(text) = parameters.control(MIN_SEQ) {
            let commit_seq =
                text.parse().map_err(|_| ApiError::parameter(MIN_SEQ, "it takes the number of a commit"))?;
            self.services.query.wait_for_commit(&schema, commit_seq, self.settings.min_seq_wait).await?;
        }
        Ok(schema)
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
