//! What happens to every request: an id, a span, its position in a trace, times, metrics, and problems that name the id.

use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use eider_application::runtime::timings::{Timings, measured};
use tracing::{Instrument, Span, field};

use crate::error::ApiError;
use crate::server::long_text;
use crate::state::ApiState;
use crate::telemetry::metrics::Endpoint;
use crate::telemetry::request_id::{REQUEST_ID, RequestId};
use crate::telemetry::slow::{millis, shape_of};
use crate::telemetry::trace_context::{TRACEPARENT, TraceContext};

const RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Gives a request its id, its span and its place in a trace, counts it and logs how it ended, and writes
/// `X-Request-Id`, `traceparent`, `X-Response-Time` and `Server-Timing` (milliseconds until the response began).
pub(crate) async fn observe(
    state: web::Data<ApiState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let mut in_flight = state.request_metrics.begins();
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!(
        "request",
        request_id = %id.0,
        trace_id = field::Empty,
        http.method = %request.method(),
        http.route = field::Empty,
        http.status = field::Empty,
        otel.kind = field::Empty,
        otel.status_code = field::Empty,
        key.id = field::Empty,
    );
    let caller = TraceContext::of_caller(&request);
    let trace = if state.settings().is_traced { TraceContext::begin(&span, caller.as_ref()) } else { caller };
    if let Some(trace) = &trace {
        span.record("trace_id", trace.trace_id());
    }
    let (response, timings) = measured(next.call(request).instrument(span.clone())).await;
    in_flight.is_answered = true;
    let answered = Answered { state: &state, id, trace, span, started, timings };
    Ok(answered.finish(response?.map_into_boxed_body()))
}

/// A request whose answer is known.
struct Answered<'s> {
    state: &'s ApiState,
    id: RequestId,
    /// Its own place in a trace, or its caller's.
    trace: Option<TraceContext>,
    span: Span,
    started: Instant,
    timings: Timings,
}

impl Answered<'_> {
    fn finish(self, response: ServiceResponse) -> ServiceResponse {
        let Self { state, id, trace, span, started, timings } = self;
        let mut response = match response.response().error().and_then(|error| error.as_error::<ApiError>()) {
            Some(error) => {
                state.request_metrics.problem(error.code(), error.budget());
                let mut problem = long_text::problem(response.request(), error.response(&id.0));
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
        let (elapsed, status) = (started.elapsed(), response.status());
        // Known since the request was routed; to find it before costs some microseconds.
        let endpoint = Endpoint::of(response.request());
        span.record("http.route", endpoint.route.as_str());
        span.record("http.status", status.as_u16());
        if state.settings().is_traced {
            TraceContext::rename(&span, format!("{} {}", endpoint.method, endpoint.route));
            if status.is_server_error() {
                span.record("otel.status_code", "ERROR");
            }
        }
        span.in_scope(|| {
            let resident = state.services.memory.reading().map(|reading| reading.resident_bytes);
            tracing::info!(duration_ms = millis(elapsed), memory.resident_bytes = resident, "request answered");
            state.slow_operations.check(&timings, elapsed, || shape_of(response.request()));
        });
        state.request_metrics.answered(endpoint, status.as_u16(), elapsed);

        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            headers.insert(REQUEST_ID, value);
        }
        if let Some(value) = trace.and_then(|trace| trace.header()) {
            headers.insert(TRACEPARENT, value);
        }
        write_times(headers, &timings, elapsed);
        response
    }
}

fn write_times(headers: &mut HeaderMap, timings: &Timings, elapsed: Duration) {
    let mut text = String::with_capacity(96);
    for (name, took) in [("pool", timings.pool), ("store", timings.store), ("encode", timings.encode)] {
        text.push_str(name);
        text.push_str(";dur=");
        push_millis(&mut text, took);
        text.push_str(", ");
    }
    text.push_str("total;dur=");
    let start = text.len();
    push_millis(&mut text, elapsed);
    let total = format!("{}ms", &text[start..]);
    for (name, text) in [(SERVER_TIMING, text), (RESPONSE_TIME, total)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

/// Appends milliseconds with three decimals; floating-point numbers are dear to format.
fn push_millis(text: &mut String, duration: Duration) {
    let (micros, mut buffer) = (duration.as_micros(), itoa::Buffer::new());
    text.push_str(buffer.format(micros / 1_000));
    text.push('.');
    // With a digit in front, so that zeros stay.
    text.push_str(&buffer.format(1_000 + micros % 1_000)[1..]);
}
