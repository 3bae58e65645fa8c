//! `GET /monitoring/memory`: for people and their scripts; `/metrics` has the same for machines.

use actix_web::{HttpResponse, web};
use eider_application::StoreFigures;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::state::ApiState;

/// Memory of the server. Bytes.
#[derive(Serialize, ToSchema)]
struct Memory {
    pressure: MemoryPressure,
    /// What running requests have set aside.
    reserved_bytes: u64,
    /// How often heavy requests began to be refused.
    closings: u64,
    engine: Option<EngineMemory>,
    record_cache: Option<CacheSize>,
    answer_cache: CacheSize,
    #[serde(flatten)]
    #[schema(inline, value_type = Limits)]
    limits: Option<Limits>,
}

/// What is known only where the system says how much memory there is.
#[derive(Serialize, ToSchema)]
struct Limits {
    #[schema(required = false)]
    limit_bytes: u64,
    /// `setting`, `control_group` or `machine`.
    #[schema(required = false)]
    limit_source: &'static str,
    #[schema(required = false)]
    used_bytes: u64,
    #[schema(required = false)]
    resident_bytes: u64,
    /// Use over which heavy requests are refused.
    #[schema(required = false)]
    soft_bytes: u64,
    /// Use over which all but health and figures is refused.
    #[schema(required = false)]
    critical_bytes: u64,
    #[schema(required = false)]
    reservable_bytes: u64,
}

/// How short memory is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum MemoryPressure {
    Normal,
    High,
    Critical,
}

impl From<eider_application::MemoryPressure> for MemoryPressure {
    fn from(pressure: eider_application::MemoryPressure) -> Self {
        match pressure {
            eider_application::MemoryPressure::Normal => Self::Normal,
            eider_application::MemoryPressure::High => Self::High,
            eider_application::MemoryPressure::Critical => Self::Critical,
        }
    }
}

/// The engine's buffers, and those of its purposes that take anything. Bytes.
#[derive(Serialize, ToSchema)]
struct EngineMemory {
    limit_bytes: u64,
    used_bytes: u64,
    spilled_bytes: u64,
    #[serde(serialize_with = "in_order")]
    #[schema(value_type = Object)]
    tags: Vec<(String, Purpose)>,
}

/// What a purpose of the engine takes. Bytes.
#[derive(Serialize)]
struct Purpose {
    used_bytes: u64,
    spilled_bytes: u64,
}

impl From<eider_application::EngineMemory> for EngineMemory {
    fn from(memory: eider_application::EngineMemory) -> Self {
        let used = memory.tags.into_iter().filter(|tag| tag.used_bytes > 0 || tag.spilled_bytes > 0);
        let tags = used.map(|tag| (tag.name, Purpose { used_bytes: tag.used_bytes, spilled_bytes: tag.spilled_bytes }));
        Self {
            limit_bytes: memory.limit_bytes,
            used_bytes: memory.used_bytes,
            spilled_bytes: memory.spilled_bytes,
            tags: tags.collect(),
        }
    }
}

/// By the name of the purpose, as the engine orders them.
fn in_order<S: Serializer>(tags: &[(String, Purpose)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(tags.iter().map(|(name, purpose)| (name, purpose)))
}

/// What is kept in memory.
#[derive(Serialize, ToSchema)]
struct CacheSize {
    entries: u64,
    size_bytes: u64,
}

/// Memory of the process, what keeps it, and how short it is.
#[utoipa::path(
    get,
    path = "/monitoring/memory",
    operation_id = "memory",
    tag = "operation",
    responses((status = 200, description = "The figures.", body = Memory))
)]
pub(crate) async fn handle(state: web::Data<ApiState>) -> HttpResponse {
    let figures = state.services.memory.figures();
    let StoreFigures { records, engine_memory, .. } = state.services.query.figures();
    let (entries, size_bytes) = state.answers.kept();
    let limits = figures.reading.map(|reading| Limits {
        limit_bytes: reading.limit_bytes,
        limit_source: reading.source.name(),
        used_bytes: reading.used_bytes,
        resident_bytes: reading.resident_bytes,
        soft_bytes: figures.soft_bytes,
        critical_bytes: figures.critical_bytes,
        reservable_bytes: figures.reservable_bytes,
    });
    HttpResponse::Ok().json(Memory {
        pressure: figures.pressure.into(),
        reserved_bytes: figures.reserved_bytes,
        closings: figures.closings,
        engine: engine_memory.map(EngineMemory::from),
        record_cache: records.map(|records| CacheSize { entries: records.entries, size_bytes: records.bytes }),
        answer_cache: CacheSize { entries, size_bytes },
        limits,
    })
}
