//! `GET /health/live`.

use actix_web::HttpResponse;

use super::health::{Health, HealthStatus};

/// Whether the process answers; asks nothing of the store.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "live",
    tag = "operation",
    responses(
        (status = 200, description = "It does.", body = Health),
    )
)]
pub(crate) async fn handle() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: HealthStatus::Live })
}
