//! What happens to every request: an id, a span, a time, and problems that name the id.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};
use tracing::{Instrument, Span, field};
use uuid::Uuid;

use crate::error::ApiError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");

/// Longest request id that is taken over from a client.
const MAX_REQUEST_ID_CHARS: usize = 128;

/// The id of a request: the client's own, or a new one.
#[derive(Debug, Clone)]
struct RequestId(String);

impl RequestId {
    fn of(request: &ServiceRequest) -> Self {
        let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let is_usable =
            |id: &&str| !id.is_empty() && id.len() <= MAX_REQUEST_ID_CHARS && id.bytes().all(|b| b.is_ascii_graphic());
        Self(given.filter(is_usable).map_or_else(|| Uuid::new_v4().to_string(), str::to_owned))
    }
}

/// The id of the request that a handler answers.
pub(crate) fn request_id(request: &HttpRequest) -> String {
    request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

/// Gives a request its id and its span, logs how it ended, and writes `X-Request-Id` and `X-Response-Time`
/// (milliseconds until the response began).
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!(
        "request",
        request_id = %id.0,
        http.method = %request.method(),
        http.route = field::Empty,
        http.status = field::Empty,
        key.id = field::Empty,
    );
    let response = next.call(request).instrument(span.clone()).await?;
    Ok(finish(response.map_into_boxed_body(), &id, &span, started))
}

fn finish(response: ServiceResponse, id: &RequestId, span: &Span, started: Instant) -> ServiceResponse {
    let mut response = match response.response().error().and_then(|error| error.as_error::<ApiError>()) {
        Some(error) => {
            let mut problem = error.response(&id.0);
            // What stands between the route and this has written headers already.
            for (name, value) in response.headers() {
                if !problem.headers().contains_key(name) {
                    problem.headers_mut().append(name.clone(), value.clone());
                }
            }
            response.into_response(problem)
        }
        None => response,
    };
    let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
    let status = response.status().as_u16();
    let route = response.request().match_pattern();
    span.record("http.route", route.as_deref().unwrap_or("none"));
    span.record("http.status", status);
    span.in_scope(|| tracing::info!(duration_ms = elapsed_ms, "request answered"));

    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    if let Ok(value) = HeaderValue::from_str(&format!("{elapsed_ms:.3}ms")) {
        headers.insert(RESPONSE_TIME, value);
    }
    response
}
