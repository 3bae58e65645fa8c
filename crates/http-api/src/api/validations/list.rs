//! `GET /schemas/{schema}/validations`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::validation::Validation;
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::state::ApiState;

#[derive(Serialize, ToSchema)]
struct ValidationList {
    data: Vec<Validation>,
}

/// The validations of a schema that run or are kept, the youngest first.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/validations",
    operation_id = "list_validations",
    tag = "quality",
    params(openapi::InSchema),
    responses((status = 200, description = "The validations.", body = ValidationList))
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let schema = state.schema(&name).await?;
    let jobs = state.services.validations.list(&schema);
    Ok(HttpResponse::Ok().json(ValidationList { data: jobs.iter().map(|job| Validation::from(&**job)).collect() }))
}
