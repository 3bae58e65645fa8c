//! `GET /schemas/{schema}/validations/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::validation::{OfValidation, Validation, find};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::state::ApiState;

/// How far a validation has come, and what was found so far.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/validations/{id}",
    operation_id = "validation",
    tag = "quality",
    params(openapi::InSchema, OfValidation),
    responses((status = 200, description = "The validation.", body = Validation))
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let job = find(&state, &path).await?;
    Ok(HttpResponse::Ok().json(Validation::from(&*job)))
}
