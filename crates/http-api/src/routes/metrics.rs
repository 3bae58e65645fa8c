//! `GET /metrics`: figures in the text format of `OpenMetrics`.

use actix_web::{HttpResponse, web};
use eider_application::ErrorCode;
use prometheus_client::encoding::text::encode;

use crate::error::ApiError;
use crate::state::ApiState;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Figures for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operation",
    responses(
        (status = 200, description = "The figures.", body = String, content_type = "application/openmetrics-text"),
    )
)]
pub(super) async fn metrics(state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    let mut text = String::new();
    encode(&mut text, &state.metrics)
        .map_err(|_| ApiError::new(ErrorCode::Internal, "the metrics cannot be written"))?;
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(text))
}
