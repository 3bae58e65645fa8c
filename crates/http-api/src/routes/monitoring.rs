//! `/monitoring`: what is in use, for people and their scripts; `/metrics` has the same for machines.

use actix_web::{HttpResponse, web};
use eider_application::{MemoryFigures, RecordCacheFigures};
use serde_json::{Value as Json, json};

use crate::admission::Admission;
use crate::state::ApiState;

/// Memory of the process and how short it is.
pub(super) async fn memory(state: web::Data<ApiState>) -> HttpResponse {
    let figures = state.services.memory.figures();
    let (answers, answer_bytes) = state.answers.kept();
    let mut document = json!({
        "pressure": figures.pressure.name(),
        "reserved_bytes": figures.reserved_bytes,
        "closings": figures.closings,
        "answer_cache": {"entries": answers, "size_bytes": answer_bytes},
    });
    limits_into(&mut document, &figures);
    if let Some(RecordCacheFigures { entries, bytes, .. }) = state.services.query.figures().records {
        document["record_cache"] = json!({"entries": entries, "size_bytes": bytes});
    }
    HttpResponse::Ok().json(document)
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
pub(super) async fn pool(state: web::Data<ApiState>) -> HttpResponse {
    let of = |calls: &Admission| json!({"max": calls.places(), "running": calls.running(), "waiting": calls.waiting().get()});
    let connections = state.services.query.figures().connections.map(
        |figures| json!({"max": figures.max, "used": figures.used, "idle": figures.idle, "waiting": figures.waiting}),
    );
    HttpResponse::Ok().json(json!({
        "connections": connections,
        "bulk_calls": of(&state.bulk_calls),
        "streams": of(&state.streams),
    }))
}
