//! `PATCH /records/{schema}/{id}`: a merge patch (RFC 7396).

use actix_web::{HttpRequest, HttpResponse, web};

use super::one::{OfRecord, Rewrite, rewrite};
use crate::api::openapi;
use crate::error::ApiError;
use crate::request::conditional::{IfMatch, UnlessMatch};
use crate::state::ApiState;

/// Changes a record by a merge patch (RFC 7396).
#[utoipa::path(
    patch,
    path = "/api/v1/records/{schema}/{id}",
    operation_id = "patch_record",
    tag = "records",
    params(openapi::InSchema, OfRecord, IfMatch, UnlessMatch),
    request_body(content((openapi::RecordPatch = "application/merge-patch+json"), (openapi::RecordPatch = "application/json"))),
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
    rewrite(&state, &request, path, payload, Rewrite::Patch).await
}
