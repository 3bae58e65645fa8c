//! `GET /monitoring/memory`: for people and their scripts; `/metrics` has the same for machines.

use actix_web::{HttpResponse, web};
use eider_application::ports::StoreMetrics;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::state::ApiState;

/// Memory of the server. Bytes.
#[derive(Serialize, ToSchema)]
struct Memory {
    pressure: MemoryPressure,
    /// What running requests have reserved.
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
    /// Use over which all but health and metrics is refused.
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

impl From<eider_application::runtime::MemoryPressure> for MemoryPressure {
    fn from(pressure: eider_application::runtime::MemoryPressure) -> Self {
        match pressure {
            eider_application::runtime::MemoryPressure::Normal => Self::Normal,
            eider_application::runtime::MemoryPressure::High => Self::High,
            eider_application::runtime::MemoryPressure::Critical => Self::Critical,
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
#[derive(Clone, Copy, Serialize)]
struct Purpose {
    used_bytes: u64,
    spilled_bytes: u64,
}

impl EngineMemory {
    /// `None` of a store that does not tell of them.
    fn of(metrics: &StoreMetrics) -> Option<Self> {
        let limit_bytes = metrics.number("store_engine_memory_limit")?;
        let used = metrics.numbers("store_engine_memory");
        // Both have the same tags, in the same order.
        let purposes = used.zip(metrics.numbers("store_engine_spilled"));
        let purposes: Vec<(&str, Purpose)> = purposes
            .map(|((tag, used_bytes), (_, spilled_bytes))| (tag, Purpose { used_bytes, spilled_bytes }))
            .collect();
        let tags = purposes.iter().filter(|(_, purpose)| purpose.used_bytes > 0 || purpose.spilled_bytes > 0);
        Some(Self {
            limit_bytes,
            used_bytes: purposes.iter().map(|(_, purpose)| purpose.used_bytes).sum(),
            spilled_bytes: purposes.iter().map(|(_, purpose)| purpose.spilled_bytes).sum(),
            tags: tags.map(|(tag, purpose)| ((*tag).to_owned(), *purpose)).collect(),
        })
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

impl CacheSize {
    /// The records kept in memory; `None` of a store that keeps none.
    fn of_records(metrics: &StoreMetrics) -> Option<Self> {
        let entries = metrics.number("store_record_cache_entries")?;
        Some(Self { entries, size_bytes: metrics.number("store_record_cache_size")? })
    }
}

/// Memory of the process, what keeps it, and how short it is.
#[utoipa::path(
    get,
    path = "/monitoring/memory",
    operation_id = "memory",
    tag = "operation",
    responses((status = 200, description = "The statistics.", body = Memory))
)]
pub(crate) async fn handle(state: web::Data<ApiState>) -> HttpResponse {
    let statistics = state.services.memory.statistics();
    let metrics = state.services.query.metrics();
    let (entries, size_bytes) = state.answers.kept();
    let limits = statistics.reading.map(|reading| Limits {
        limit_bytes: reading.limit_bytes,
        limit_source: reading.source.name(),
        used_bytes: reading.used_bytes,
        resident_bytes: reading.resident_bytes,
        soft_bytes: statistics.soft_bytes,
        critical_bytes: statistics.critical_bytes,
        reservable_bytes: statistics.reservable_bytes,
    });
    HttpResponse::Ok().json(Memory {
        pressure: statistics.pressure.into(),
        reserved_bytes: statistics.reserved_bytes,
        closings: statistics.closings,
        engine: EngineMemory::of(&metrics),
        record_cache: CacheSize::of_records(&metrics),
        answer_cache: CacheSize { entries, size_bytes },
        limits,
    })
}
