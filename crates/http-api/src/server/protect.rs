//! What happens to every request while memory is short.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use eider_application::runtime::MemoryPressure;

use crate::limits::admission::memory_is_short;
use crate::state::ApiState;

/// Paths that are answered however short memory is: an operator must see what happens.
const ALWAYS_ANSWERED: [&str; 3] = ["/health/", "/metrics", "/monitoring/"];

/// Refuses everything but health and metrics while pressure is critical, before anything of a body is read.
pub(crate) async fn protect(
    state: web::Data<ApiState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_exempt = || ALWAYS_ANSWERED.iter().any(|path| request.path().starts_with(path));
    if state.services.memory.pressure() == MemoryPressure::Critical && !is_exempt() {
        return Ok(request.error_response(memory_is_short()));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}
