//! `/monitoring`: what is in use, for people and their scripts; `/metrics` has the same for machines.

use actix_web::{HttpResponse, web};
use eider_application::{EngineMemory, MemoryFigures, StoreFigures};
use serde_json::{Map, Value as Json, json};

use crate::admission::Admission;
use crate::openapi;
use crate::state::ApiState;

/// Memory of the process, what keeps it, and how short it is.
#[utoipa::path(
    get,
    path = "/monitoring/memory",
    operation_id = "memory",
    tag = "operation",
    responses((status = 200, description = "The figures.", body = openapi::Memory))
)]
pub(super) async fn memory(state: web::Data<ApiState>) -> HttpResponse {
    let figures = state.services.memory.figures();
    let StoreFigures { records, engine_memory, .. } = state.services.query.figures();
    let (answers, answer_bytes) = state.answers.kept();
    let mut document = json!({
        "pressure": figures.pressure.name(),
        "reserved_bytes": figures.reserved_bytes,
        "closings": figures.closings,
        "engine": engine_memory.map(document_of),
        "record_cache": records.map(|records| json!({"entries": records.entries, "size_bytes": records.bytes})),
        "answer_cache": {"entries": answers, "size_bytes": answer_bytes},
    });
    limits_into(&mut document, &figures);
    HttpResponse::Ok().json(document)
}

/// The engine's buffers, and those of its purposes that take anything.
fn document_of(memory: EngineMemory) -> Json {
    let used = memory.tags.into_iter().filter(|tag| tag.used_bytes > 0 || tag.spilled_bytes > 0);
    let tags = used.map(|tag| (tag.name, json!({"used_bytes": tag.used_bytes, "spilled_bytes": tag.spilled_bytes})));
    json!({
        "limit_bytes": memory.limit_bytes,
        "used_bytes": memory.used_bytes,
        "spilled_bytes": memory.spilled_bytes,
        "tags": tags.collect::<Map<String, Json>>(),
    })
}

/// What is known only where the system says how much memory there is.
fn limits_into(document: &mut Json, figures: &MemoryFigures) {
    let Some(reading) = figures.reading else { return };
    document["limit_bytes"] = reading.limit_bytes.into();
    document["limit_source"] = reading.source.name().into();
    document["used_bytes"] = reading.used_bytes.into();
    document["resident_bytes"] = reading.resident_bytes.into();
    document["soft_bytes"] = figures.soft_bytes.into();
    document["critical_bytes"] = figures.critical_bytes.into();
    document["reservable_bytes"] = figures.reservable_bytes.into();
}

/// Connections to the engine, and the calls that run at once.
#[utoipa::path(
    get,
    path = "/monitoring/pool",
    operation_id = "pool",
    tag = "operation",
    responses((status = 200, description = "The figures.", body = openapi::Pool))
)]
pub(super) async fn pool(state: web::Data<ApiState>) -> HttpResponse {
    let of = |calls: &Admission| json!({"max": calls.places(), "running": calls.running().get(), "waiting": calls.waiting().get()});
    let connections = state.services.query.figures().connections.map(|figures| {
        json!({
            "max": figures.max,
            "used": figures.used,
            "idle": figures.idle,
            "waiting": figures.waiting,
            "waits": figures.wait_seconds.count(),
            "waited_seconds": figures.wait_seconds.sum,
            "timeouts": figures.timeouts,
            "created": figures.created,
            "closed": {"old": figures.closed_old, "surplus": figures.closed_surplus, "broken": figures.closed_broken},
        })
    });
    HttpResponse::Ok().json(json!({
        "connections": connections,
        "bulk_calls": of(&state.bulk_calls),
        "streams": of(&state.streams),
    }))
}
