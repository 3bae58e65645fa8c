//! `GET /monitoring/pool`: for people and their scripts; `/metrics` has the same for machines.

use actix_web::{HttpResponse, web};
use eider_application::ports::{Distribution, StoreMetrics};
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits::admission::Admission;
use crate::state::ApiState;

/// Connections to the engine, and the calls that run at once.
#[derive(Serialize, ToSchema)]
struct Pool {
    connections: Option<Connections>,
    bulk_calls: Calls,
    streams: Calls,
}

/// Connections to the engine.
#[derive(Serialize, ToSchema)]
struct Connections {
    max: u64,
    used: u64,
    idle: u64,
    /// Callers that wait for one.
    waiting: u64,
    /// Callers that got one, at once or later.
    waits: u64,
    waited_seconds: f64,
    /// Callers that waited in vain.
    timeouts: u64,
    created: u64,
    /// By reason: `old`, `surplus`, `broken`.
    #[schema(value_type = Object)]
    closed: Closed,
}

#[derive(Serialize)]
struct Closed {
    old: u64,
    surplus: u64,
    broken: u64,
}

impl Connections {
    /// `None` of a store that has none.
    fn of(metrics: &StoreMetrics) -> Option<Self> {
        let number = |name| metrics.number(name).unwrap_or_default();
        let waits = metrics.histogram("store_connection_wait");
        let closed = |reason| {
            let mut closed = metrics.numbers("store_connections_closed");
            closed.find(|(name, _)| *name == reason).map_or(0, |(_, count)| count)
        };
        Some(Self {
            max: metrics.number("store_connections_max")?,
            used: number("store_connections_used"),
            idle: number("store_connections_idle"),
            waiting: number("store_connections_waiting"),
            waits: waits.map_or(0, Distribution::count),
            waited_seconds: waits.map_or(0.0, |waits| waits.sum),
            timeouts: number("store_connection_timeouts"),
            created: number("store_connections_created"),
            closed: Closed { old: closed("old"), surplus: closed("surplus"), broken: closed("broken") },
        })
    }
}

/// Calls of a kind.
#[derive(Serialize, ToSchema)]
struct Calls {
    #[schema(value_type = u64)]
    max: usize,
    #[schema(value_type = u64)]
    running: i64,
    #[schema(value_type = u64)]
    waiting: i64,
}

impl From<&Admission> for Calls {
    fn from(calls: &Admission) -> Self {
        Self { max: calls.places(), running: calls.running().get(), waiting: calls.waiting().get() }
    }
}

/// Connections to the engine, and the calls that run at once.
#[utoipa::path(
    get,
    path = "/monitoring/pool",
    operation_id = "pool",
    tag = "operation",
    responses((status = 200, description = "The statistics.", body = Pool))
)]
pub(crate) async fn handle(state: web::Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().json(Pool {
        connections: Connections::of(&state.services.query.metrics()),
        bulk_calls: (&state.bulk_calls).into(),
        streams: (&state.streams).into(),
    })
}
