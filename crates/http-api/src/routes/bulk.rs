//! `POST /records/{schema}/bulk`: many records in one call.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::{BodyError, BodyFormat, BulkOutcome, ErrorCode};
use eider_domain::Schema;
use futures::Stream;
use serde_json::json;

use crate::body;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::state::ApiState;

/// Checks the controls of a bulk call. What only one value is implemented of takes only that value, so that no
/// client is led to believe in another.
pub(super) fn check_controls(request: &HttpRequest) -> Result<(), ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["mode", "on_conflict", "return", "dry_run"], false)?;
    parameters.expect_one_of("mode", &["atomic"])?;
    parameters.expect_one_of("on_conflict", &["error"])?;
    parameters.expect_one_of("return", &["none"])?;
    parameters.expect_one_of("dry_run", &["false"])
}

pub(super) async fn create(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    check_controls(&request)?;
    let schema = state.schema(&name).await?;
    let format = body::bulk_format(&request)?;
    let settings = &state.settings;
    let pieces = body::bulk_pieces(&request, payload, settings.max_bulk_bytes, settings.body_timeout)?;
    store(&state, &schema, format, pieces).await
}

/// Stores a body and answers with its receipt.
pub(super) async fn store(
    state: &ApiState,
    schema: &Arc<Schema>,
    format: BodyFormat,
    body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
) -> Result<HttpResponse, ApiError> {
    match state.services.ingest.bulk(schema, format, body).await? {
        BulkOutcome::Stored(receipt) => Ok(HttpResponse::Created().json(receipt)),
        BulkOutcome::Refused(receipt) => {
            let detail = format!("{} of {} records were refused; nothing was stored", receipt.failed, receipt.received);
            let errors = receipt.failures.clone();
            Err(ApiError::new(ErrorCode::ValidationFailed, detail).with_errors(errors).with_members(json!(receipt)))
        }
    }
}
