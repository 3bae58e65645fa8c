//! `GET /monitoring/pool`: for people and their scripts; `/metrics` has the same for machines.

use actix_web::{HttpResponse, web};
use eider_application::ConnectionFigures;
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
    #[schema(value_type = u64)]
    max: usize,
    #[schema(value_type = u64)]
    used: usize,
    #[schema(value_type = u64)]
    idle: usize,
    /// Callers that wait for one.
    #[schema(value_type = u64)]
    waiting: usize,
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

impl From<ConnectionFigures> for Connections {
    fn from(figures: ConnectionFigures) -> Self {
        Self {
            max: figures.max,
            used: figures.used,
            idle: figures.idle,
            waiting: figures.waiting,
            waits: figures.wait_seconds.count(),
            waited_seconds: figures.wait_seconds.sum,
            timeouts: figures.timeouts,
            created: figures.created,
            closed: Closed { old: figures.closed_old, surplus: figures.closed_surplus, broken: figures.closed_broken },
        }
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
    responses((status = 200, description = "The figures.", body = Pool))
)]
pub(crate) async fn handle(state: web::Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().json(Pool {
        connections: state.services.query.figures().connections.map(Connections::from),
        bulk_calls: (&state.bulk_calls).into(),
        streams: (&state.streams).into(),
    })
}
