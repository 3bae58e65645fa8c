//! `DELETE /schemas/{schema}/validations/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ErrorCode;
use eider_domain::Verb;

use super::validation::{OfValidation, id_of};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::access;
use crate::state::ApiState;

/// Cancels a validation that runs; removes one that has ended.
#[utoipa::path(
    delete,
    path = "/api/v1/schemas/{schema}/validations/{id}",
    operation_id = "cancel_validation",
    tag = "quality",
    params(openapi::InSchema, OfValidation),
    responses((status = 204, description = "It runs no longer, or is gone."))
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let schema = state.schema(&path.0).await?;
    let (id, principal) = (id_of(&path.1)?, access::principal(&request)?);
    let is_own = state.services.validations.get(&schema, id)?.owner() == principal.key_id();
    if !is_own && !principal.may(Verb::RecordsWrite, schema.name()) {
        let detail = format!("the validation is another key's; to end it takes `{}`", Verb::RecordsWrite);
        return Err(ApiError::new(ErrorCode::Forbidden, detail));
    }
    state.services.validations.cancel(&schema, id)?;
    Ok(HttpResponse::NoContent().finish())
}
