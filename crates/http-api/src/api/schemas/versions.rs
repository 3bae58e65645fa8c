//! `GET /schemas/{schema}/versions`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::definition::Defined;
use super::stored::parse;
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::state::ApiState;

#[derive(Serialize, ToSchema)]
pub(crate) struct SchemaVersions {
    data: Vec<SchemaVersion>,
}

/// A schema as it was from a time on.
#[derive(Serialize, ToSchema)]
struct SchemaVersion {
    #[serde(flatten)]
    #[schema(inline, value_type = Defined)]
    definition: Json,
    #[schema(minimum = 1)]
    version: u32,
    /// When it came into force.
    #[schema(format = DateTime)]
    since: String,
}

impl From<&eider_application::ports::SchemaVersion> for SchemaVersion {
    fn from(version: &eider_application::ports::SchemaVersion) -> Self {
        Self { definition: version.definition.to_json(), version: version.version, since: version.since.to_string() }
    }
}

/// Every version that a schema has had, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/versions",
    operation_id = "schema_versions",
    tag = "schemas",
    params(openapi::InSchema),
    responses(
        (status = 200, description = "The versions.", body = SchemaVersions),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let versions = state.services.schemas.versions(&parse(&name)?).await?;
    Ok(HttpResponse::Ok().json(SchemaVersions { data: versions.iter().map(SchemaVersion::from).collect() }))
}
