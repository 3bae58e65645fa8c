//! Whether the server lives and whether it can work.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::error::ApiError;
use crate::openapi;
use crate::state::ApiState;

/// Whether the process answers; asks nothing of the store.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "live",
    tag = "operation",
    responses(
        (status = 200, description = "It does.", body = openapi::Health),
    )
)]
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

/// Whether the store answers queries.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "ready",
    tag = "operation",
    responses(
        (status = 200, description = "It does.", body = openapi::Health),
    )
)]
pub(super) async fn ready(state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    state.services.query.check().await?;
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}
