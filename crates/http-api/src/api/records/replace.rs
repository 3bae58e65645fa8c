//! `PUT /records/{schema}/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::one::{OfRecord, Rewrite, rewrite};
use crate::api::openapi;
use crate::error::ApiError;
use crate::request::conditional::{IfMatch, UnlessMatch};
use crate::state::ApiState;

/// Gives a record the properties of the body.
#[utoipa::path(
    put,
    path = "/api/v1/records/{schema}/{id}",
    operation_id = "replace_record",
    tag = "records",
    params(openapi::InSchema, OfRecord, IfMatch, UnlessMatch),
    request_body(content = openapi::NewRecord),
    responses(
        (status = 200, description = "The record as it is now.", body = openapi::Record, headers(("ETag" = String, description = "The tag of the record as it is now."), ("Eider-Commit-Seq" = String, description = "The commit that stored it."))),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    rewrite(&state, &request, path, payload, Rewrite::Replace).await
}
