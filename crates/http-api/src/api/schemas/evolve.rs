//! `PATCH /schemas/{schema}`.

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::definition::SchemaChange;
use super::stored::{StoredSchema, etag, parse};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::body;
use crate::request::conditional::{self, IfMatch, UnlessMatch};
use crate::state::ApiState;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct Trial {
    /// Everything is checked and nothing is changed.
    #[param(nullable = false)]
    dry_run: Option<bool>,
}

/// A schema after a change.
#[derive(Serialize, ToSchema)]
pub(crate) struct EvolvedSchema {
    #[serde(flatten)]
    #[schema(inline)]
    schema: StoredSchema,
    /// Whether nothing was changed, and this is what would be.
    dry_run: bool,
}

/// Changes a schema with its table and indexes.
#[utoipa::path(
    patch,
    path = "/api/v1/schemas/{schema}",
    operation_id = "evolve_schema",
    tag = "schemas",
    params(openapi::InSchema, IfMatch, UnlessMatch, Trial),
    request_body(content = SchemaChange),
    responses(
        (status = 200, description = "The schema as it is now, or after a dry run as it would be.", body = EvolvedSchema, headers(("ETag" = String, description = "The tag of the schema as it is now; not of a dry run."))),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["dry_run"], false)?;
    let is_dry_run = parameters.choice("dry_run", &[("false", false), ("true", true)])?;
    let preconditions = conditional::preconditions(&request)?;
    let name = parse(&name)?;
    let (document, _held) = body::json(&request, payload, &state).await?.into_parts();
    let schema = state.services.schemas.evolve(&name, document, &preconditions, is_dry_run).await?;
    let mut response = HttpResponse::Ok();
    if !is_dry_run {
        response.insert_header((ETAG, etag(&schema)));
    }
    Ok(response.json(EvolvedSchema { schema: (&*schema).into(), dry_run: is_dry_run }))
}
