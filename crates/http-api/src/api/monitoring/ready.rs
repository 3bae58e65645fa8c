//! `GET /health/ready`.

use actix_web::{HttpResponse, web};

use super::health::{Health, HealthStatus};
use crate::error::ApiError;
use crate::state::ApiState;

/// Whether the store answers queries.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "ready",
    tag = "operation",
    responses(
        (status = 200, description = "It does.", body = Health),
    )
)]
pub(crate) async fn handle(state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    state.services.query.check().await?;
    Ok(HttpResponse::Ok().json(Health { status: HealthStatus::Ready }))
}
