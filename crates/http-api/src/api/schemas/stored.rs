//! A schema as it is stored, which most answers begin with.

use eider_application::records::schema_tag;
use eider_domain::{Schema, SchemaName};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::definition::Defined;
use crate::error::ApiError;

/// A schema as it is stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoredSchema {
    #[serde(flatten)]
    #[schema(inline, value_type = Defined)]
    definition: Json,
    /// How often it was written; 1 when created.
    #[schema(minimum = 1)]
    version: u32,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<&Schema> for StoredSchema {
    fn from(schema: &Schema) -> Self {
        Self {
            definition: schema.definition().to_json(),
            version: schema.version(),
            created_at: schema.created_at().to_string(),
        }
    }
}

/// The tag of a schema as it is now.
pub(super) fn etag(schema: &Schema) -> String {
    format!("\"{}\"", schema_tag(schema))
}

/// The name in a path.
pub(super) fn parse(name: &str) -> Result<SchemaName, ApiError> {
    SchemaName::parse(name).map_err(|error| ApiError::not_a_schema(&error))
}
