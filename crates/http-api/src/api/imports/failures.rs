//! `GET /imports/{id}/failures`: everything that was wrong with the body of a bulk call.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ErrorCode;
use uuid::Uuid;

use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::access;
use crate::response::lines;
use crate::state::ApiState;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct OfImport {
    /// The `import_id` of a receipt.
    #[param(format = "uuid")]
    id: String,
}

/// Every failure of a bulk call, as NDJSON.
#[utoipa::path(
    get,
    path = "/api/v1/imports/{id}/failures",
    operation_id = "failures",
    tag = "bulk",
    params(OfImport),
    responses(
        (status = 200, description = "A failure a line.", body = String, content_type = "application/x-ndjson"),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let id = Uuid::try_parse(&id)
        .map_err(|_| ApiError::new(ErrorCode::ReportNotFound, "there is no such import: its id is a UUID"))?;
    let report = state.services.ingest.failure_report(id, &access::principal(&request)?).await?;
    lines::ndjson(&request, report)
}
