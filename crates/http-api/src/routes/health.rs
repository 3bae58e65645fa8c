//! Whether the server lives and whether it can work.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::error::ApiError;
use crate::state::ApiState;

/// The process answers; asks nothing of the store.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

/// The store answers.
pub(super) async fn ready(state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    state.services.query.check().await?;
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}
