//! `POST /schemas`.

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::Verb;

use super::definition::SchemaDefinition;
use super::stored::{StoredSchema, etag};
use crate::api::BASE;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::access;
use crate::request::body;
use crate::state::ApiState;

/// Creates a schema with its table and indexes.
#[utoipa::path(
    post,
    path = "/api/v1/schemas",
    operation_id = "create_schema",
    tag = "schemas",
    request_body(content = SchemaDefinition),
    responses(
        (status = 201, description = "The schema.", body = StoredSchema, headers(("Location" = String, description = "Where it is."), ("ETag" = String, description = "The tag of the schema as it is now."))),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let (document, _held) = body::json(&request, payload, &state).await?.into_parts();
    if let Some(name) = document["name"].as_str() {
        access::check(&request, Verb::SchemasWrite, name)?;
    }
    let schema = state.services.schemas.create(document).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("{BASE}/schemas/{}", schema.name())))
        .insert_header((ETAG, etag(&schema)))
        .json(StoredSchema::from(&*schema)))
}
