//! What every handler is given.

use std::sync::Arc;

use eider_application::{IngestService, QueryService, SchemaService};
use eider_domain::{Schema, SchemaName};

use crate::HttpSettings;
use crate::error::ApiError;

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
    pub(crate) settings: HttpSettings,
}

impl ApiState {
    /// The schema that a path or a body names. A text that cannot be a name names no schema.
    pub(crate) async fn schema(&self, name: &str) -> Result<Arc<Schema>, ApiError> {
        match SchemaName::parse(name) {
            Ok(name) => Ok(self.services.schemas.get(&name).await?),
            Err(error) => Err(ApiError::not_a_schema(&error)),
        }
    }
}
