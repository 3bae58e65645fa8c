//! Operations that take long: which they were, without their values, and what took the time.

use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest};
use eider_application::runtime::timings::Timings;
use prometheus_client::metrics::counter::Counter;

use crate::telemetry::shape::Shape;

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Notes what a request asks of the store, in case that it takes long.
pub(crate) fn note(request: &HttpRequest, shape: Shape) {
    request.extensions_mut().insert(shape);
}

/// What a request was noted to ask.
pub(crate) fn shape_of(request: &HttpRequest) -> Option<Shape> {
    request.extensions().get::<Shape>().cloned()
}

/// From when on an operation is slow, and how many were.
#[derive(Debug, Clone)]
pub(crate) struct SlowOperations {
    pub(crate) threshold: Option<Duration>,
    pub(crate) counter: Counter,
}

impl SlowOperations {
    /// Logs and counts an operation if its stages took long. What it waited for its client, or in a queue of requests,
    /// is not its time.
    pub(crate) fn check(&self, timings: &Timings, elapsed: Duration, shape: impl FnOnce() -> Option<Shape>) {
        if self.threshold.is_none_or(|threshold| timings.total() < threshold) {
            return;
        }
        self.counter.inc();
        let shape = shape();
        let shape = shape.as_ref();
        tracing::warn!(
            query.kind = shape.map(|shape| shape.kind),
            query.schema = shape.map(|shape| shape.schema.as_str()),
            query.filter = shape.map(|shape| shape.filter.as_str()),
            query.sort = shape.map(|shape| shape.sort.as_str()),
            query.limit = shape.and_then(|shape| shape.limit),
            pool_ms = millis(timings.pool),
            store_ms = millis(timings.store),
            encode_ms = millis(timings.encode),
            duration_ms = millis(elapsed),
            "slow operation"
        );
    }
}
