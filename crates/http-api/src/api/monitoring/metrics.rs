//! `GET /metrics`: metrics in the text format of `OpenMetrics` or of Prometheus.

use actix_web::http::header::VARY;
use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ErrorCode;
use prometheus_client::encoding::text::encode;

use crate::error::ApiError;
use crate::representation::accept;
use crate::state::ApiState;
use crate::telemetry::metrics::text_format;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What everything reads that reads metrics.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operation",
    responses(
        (status = 200, description = "The metrics; as OpenMetrics where `Accept` likes that better than text.", content(
            (String = "text/plain"), (String = "application/openmetrics-text"))),
    )
)]
pub(crate) async fn handle(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut text = String::new();
    encode(&mut text, &state.metrics)
        .map_err(|_| ApiError::new(ErrorCode::Internal, "the metrics cannot be written"))?;
    let (content_type, text) = if accept::prefers_open_metrics(&request) {
        (OPEN_METRICS, text)
    } else {
        (PROMETHEUS, text_format::of_open_metrics(&text))
    };
    Ok(HttpResponse::Ok().content_type(content_type).insert_header((VARY, "accept")).body(text))
}
