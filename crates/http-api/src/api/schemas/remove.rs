//! `DELETE /schemas/{schema}`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::stored::parse;
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::conditional::{self, IfMatch, UnlessMatch};
use crate::state::ApiState;

/// Removes a schema with its table and records.
#[utoipa::path(
    delete,
    path = "/api/v1/schemas/{schema}",
    operation_id = "remove_schema",
    tag = "schemas",
    params(openapi::InSchema, IfMatch, UnlessMatch),
    responses(
        (status = 204, description = "It is gone."),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let preconditions = conditional::preconditions(&request)?;
    let name = parse(&name)?;
    state.services.schemas.remove(&name, &preconditions).await?;
    state.record_metrics.forget(&name);
    Ok(HttpResponse::NoContent().finish())
}
