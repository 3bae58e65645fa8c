//! Metrics of requests: how many, how long, and why they were refused.
//!
//! Labels are bounded: routes are patterns, methods are those that there are, codes and budgets are constants.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::Method;
use eider_application::ErrorCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Bounds of the durations of requests, in seconds.
const DURATIONS: [f64; 17] =
    [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The route of what no route is for.
const NO_ROUTE: &str = "none";

/// The method of what has none that a route has.
const OTHER_METHOD: &str = "other";

/// The budgets that there are before one is used up.
const BUDGETS: [&str; 7] = ["bulk_calls", "memory", "pool", "read_queue", "streams", "write_queue", "writer"];

/// What a request asks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Endpoint {
    /// The pattern of its path.
    pub(crate) route: String,
    pub(crate) method: &'static str,
}

impl Endpoint {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let route = request.match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned());
        Self { route, method: method_of(request.method()) }
    }

    /// That of what is no request.
    pub(crate) fn none() -> Self {
        Self { route: NO_ROUTE.to_owned(), method: OTHER_METHOD }
    }
}

/// The name of a method; `other` for those that no route has.
fn method_of(method: &Method) -> &'static str {
    const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "QUERY", "HEAD", "OPTIONS"];
    METHODS.into_iter().find(|name| *name == method.as_str()).unwrap_or(OTHER_METHOD)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Budget {
    budget: &'static str,
}

/// Counts requests and their answers. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct RequestMetrics {
    in_flight: Gauge,
    abandoned: Counter,
    answered: Family<Answered, Counter>,
    durations: Family<Endpoint, Histogram, fn() -> Histogram>,
    problems: Family<Code, Counter>,
    budgets: Family<Budget, Counter>,
    pub(crate) replays: Counter,
    pub(crate) slow_operations: Counter,
}

/// A request that is being answered, until this is dropped. Without an answer by then, its client has left.
#[derive(Debug)]
pub(crate) struct InFlight {
    gauge: Gauge,
    abandoned: Counter,
    pub(crate) is_answered: bool,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
        if !self.is_answered {
            self.abandoned.inc();
        }
    }
}

impl RequestMetrics {
    pub(crate) fn begins(&self) -> InFlight {
        self.in_flight.inc();
        InFlight { gauge: self.in_flight.clone(), abandoned: self.abandoned.clone(), is_answered: false }
    }

    /// Counts an answer, with the time until it began.
    pub(crate) fn answered(&self, endpoint: Endpoint, status: u16, took: Duration) {
        self.durations.get_or_create(&endpoint).observe(took.as_secs_f64());
        let Endpoint { route, method } = endpoint;
        self.answered.get_or_create(&Answered { route, method, status }).inc();
    }

    /// Counts a problem, and the budget that was used up, if that is the problem.
    pub(crate) fn problem(&self, code: ErrorCode, budget: Option<&'static str>) {
        self.problems.get_or_create(&Code { code: code.name() }).inc();
        if let Some(budget) = budget {
            self.budgets.get_or_create(&Budget { budget }).inc();
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests that were answered", self.answered.clone());
        registry.register_with_unit(
            "http_request_duration",
            "How long requests took until their answer began",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("http_requests_in_flight", "Requests whose answer has not begun", self.in_flight.clone());
        let help = "Requests whose client left before their answer began";
        registry.register("http_requests_abandoned", help, self.abandoned.clone());
        registry.register("problems", "Requests that were answered with a problem, by its code", self.problems.clone());
        let help = "Requests that were refused because a budget was used up";
        registry.register("budget_rejections", help, self.budgets.clone());
        let help = "Calls that were answered with what an earlier call under their key was answered with";
        registry.register("idempotent_replays", help, self.replays.clone());
        let help = "Operations that took longer than log.slow_operation";
        registry.register("slow_operations", help, self.slow_operations.clone());
    }
}

impl Default for RequestMetrics {
    fn default() -> Self {
        let (problems, budgets) = (Family::default(), Family::default());
        // What did not come yet is 0, not missing.
        for code in ErrorCode::ALL {
            drop(problems.get_or_create(&Code { code: code.name() }));
        }
        for budget in BUDGETS {
            drop(budgets.get_or_create(&Budget { budget }));
        }
        Self {
            in_flight: Gauge::default(),
            abandoned: Counter::default(),
            answered: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            problems,
            budgets,
            replays: Counter::default(),
            slow_operations: Counter::default(),
        }
    }
}
