//! `GET /imports/{id}/failures`: everything that was wrong with the body of a bulk call.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::{BodyFormat, ErrorCode};
use uuid::Uuid;

use crate::access;
use crate::error::ApiError;
use crate::media_type::MediaType;
use crate::openapi;
use crate::query_string::Parameters;
use crate::state::ApiState;

/// Every failure of a bulk call, as NDJSON.
#[utoipa::path(
    get,
    path = "/api/v1/imports/{id}/failures",
    operation_id = "failures",
    tag = "bulk",
    params(openapi::OfImport),
    responses(
        (status = 200, description = "A failure a line.", body = String, content_type = "application/x-ndjson"),
    )
)]
pub(super) async fn failures(
    state: web::Data<ApiState>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let id = Uuid::try_parse(&id)
        .map_err(|_| ApiError::new(ErrorCode::ReportNotFound, "there is no such import: its id is a UUID"))?;
    let lines = state.services.ingest.failure_report(id, &access::principal(&request)?).await?;
    Ok(HttpResponse::Ok()
        .content_type(MediaType::of(BodyFormat::Ndjson).content_type())
        .insert_header((CACHE_CONTROL, "private"))
        .streaming(lines))
}
