//! The documents that requests and answers hold, as they are described. Nothing is made of these types: handlers write
//! what they have, and tests hold every answer against its description.
#![expect(dead_code, reason = "the types are described, not made")]

use serde_json::Value as Json;
use utoipa::ToSchema;

/// Why a request failed (RFC 9457).
#[derive(ToSchema)]
pub(crate) struct Problem {
    /// `/errors/` and the code: where the server says what it means.
    #[schema(example = "/errors/schema_not_found")]
    r#type: String,
    /// The same for every occurrence of the code.
    title: String,
    status: u16,
    /// For a person; may change its wording.
    detail: String,
    /// The id of the request, as in `X-Request-Id`.
    instance: String,
    /// Stable.
    code: String,
    /// Whether the same request may succeed later without being changed.
    retryable: bool,
    /// What is wrong with a record or a schema.
    #[schema(nullable = false)]
    errors: Option<Vec<Violation>>,
    /// Where in a query body the fault is (RFC 6901).
    #[schema(nullable = false)]
    pointer: Option<String>,
    /// The budget that is used up.
    #[schema(nullable = false)]
    budget: Option<String>,
    /// What can be produced, when nothing that is accepted can.
    #[schema(nullable = false)]
    available: Option<Vec<String>>,
}

/// What the problems of a code have in common.
#[derive(ToSchema)]
pub(crate) struct ProblemType {
    r#type: String,
    title: String,
    status: u16,
    code: String,
    /// For a person; may change its wording.
    meaning: String,
    /// Whether the same request may succeed later without being changed.
    retryable: bool,
}

/// One thing that is wrong with a record or a schema.
#[derive(ToSchema)]
pub(crate) struct Violation {
    /// Where several records came: the line, or the place in the body, from 1.
    #[schema(nullable = false, minimum = 1)]
    line: Option<u64>,
    /// Where in the record or the schema (RFC 6901).
    pointer: String,
    code: String,
    detail: String,
    #[schema(nullable = false)]
    expected: Option<String>,
    #[schema(nullable = false)]
    actual: Option<String>,
}

/// Accepted records that lack what a property should have.
#[derive(ToSchema)]
pub(crate) struct WarningCount {
    property: String,
    code: String,
    records: u64,
}

/// Where a page stands.
#[derive(ToSchema)]
pub(crate) struct PagePlace {
    #[schema(minimum = 1)]
    limit: u64,
    has_more: bool,
    /// The cursor of the next page.
    next: Option<String>,
    /// How many records match, if they were counted.
    total: Option<u64>,
    /// The number of the page, if it was asked for by number.
    #[schema(nullable = false)]
    page: Option<u64>,
    pages: Option<u64>,
}

/// What became of a bulk call.
#[derive(ToSchema)]
pub(crate) struct Receipt {
    received: u64,
    created: u64,
    updated: u64,
    ignored: u64,
    failed: u64,
    /// Number of the commit within the schema; null when nothing was stored.
    commit_seq: Option<u64>,
    durability: String,
    /// Present after a dry run.
    #[schema(nullable = false)]
    dry_run: Option<bool>,
    replayed: bool,
    elapsed_ms: f64,
    failures_truncated: bool,
    /// What accepted records lack that they should have.
    #[schema(nullable = false)]
    warnings: Option<Vec<WarningCount>>,
    failures: Vec<Violation>,
    /// Where all failures can be read, when they are not all here.
    #[schema(nullable = false, format = "uuid")]
    import_id: Option<String>,
    #[schema(nullable = false)]
    ids: Option<Vec<String>>,
}

#[derive(ToSchema)]
pub(crate) struct Deletion {
    deleted: u64,
    commit_seq: Option<u64>,
}

#[derive(ToSchema)]
pub(crate) struct Count {
    count: u64,
}

/// How a read is answered.
#[derive(ToSchema)]
pub(crate) struct Explanation {
    plan: Plan,
    #[schema(nullable = false)]
    total: Option<Plan>,
    advice: Vec<Advice>,
}

#[derive(ToSchema)]
pub(crate) struct Plan {
    access: Access,
    /// The property whose index was used.
    index: Option<String>,
    records: u64,
    scanned: u64,
    returned: u64,
    sort: Sorting,
    #[schema(nullable = false)]
    elapsed_ms: Option<f64>,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Access {
    None,
    Index,
    PartialScan,
    FullScan,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Sorting {
    None,
    TopK,
    Full,
}

#[derive(ToSchema)]
pub(crate) struct Advice {
    code: String,
    property: Option<String>,
    detail: String,
}

#[derive(ToSchema)]
pub(crate) struct Health {
    status: HealthStatus,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum HealthStatus {
    Live,
    Ready,
}

/// A record beside the name of its schema.
#[derive(ToSchema)]
pub(crate) struct NamedRecord {
    schema_name: String,
    #[schema(value_type = NewRecord)]
    data: Json,
}

/// Records beside the name of their schema.
#[derive(ToSchema)]
pub(crate) struct NamedRecords {
    schema_name: String,
    #[schema(value_type = Vec<NewRecord>)]
    data: Json,
}

macro_rules! described_elsewhere {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $($(#[$doc])* #[derive(ToSchema)] pub(crate) struct $name(Json);)*
    };
}

// Placeholders: `records.rs` and `queries.rs` say what they are.
described_elsewhere! {
    /// See `records.rs`.
    Record
    /// See `records.rs`.
    NewRecord
    /// See `records.rs`.
    RecordPatch
    /// See `records.rs`.
    Page
    /// See `records.rs`.
    CountOrExplanation
    /// See `queries.rs`.
    Query
}

/// Memory of the server. Bytes.
#[derive(ToSchema)]
pub(crate) struct Memory {
    pressure: MemoryPressure,
    #[schema(nullable = false)]
    limit_bytes: Option<u64>,
    /// `setting`, `control_group` or `machine`.
    #[schema(nullable = false)]
    limit_source: Option<String>,
    #[schema(nullable = false)]
    used_bytes: Option<u64>,
    #[schema(nullable = false)]
    resident_bytes: Option<u64>,
    /// Use over which heavy requests are refused.
    #[schema(nullable = false)]
    soft_bytes: Option<u64>,
    /// Use over which all but health and figures is refused.
    #[schema(nullable = false)]
    critical_bytes: Option<u64>,
    /// What running requests have set aside.
    reserved_bytes: u64,
    #[schema(nullable = false)]
    reservable_bytes: Option<u64>,
    /// How often heavy requests began to be refused.
    closings: u64,
    engine: Option<EngineMemory>,
    record_cache: Option<CacheSize>,
    answer_cache: CacheSize,
}

/// How short memory is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum MemoryPressure {
    Normal,
    High,
    Critical,
}

/// The engine's buffers, and those of its purposes that take anything. Bytes.
#[derive(ToSchema)]
pub(crate) struct EngineMemory {
    limit_bytes: u64,
    used_bytes: u64,
    spilled_bytes: u64,
    #[schema(value_type = Object)]
    tags: Json,
}

/// What is kept in memory.
#[derive(ToSchema)]
pub(crate) struct CacheSize {
    entries: u64,
    size_bytes: u64,
}

/// Connections to the engine, and the calls that run at once.
#[derive(ToSchema)]
pub(crate) struct Pool {
    connections: Option<Connections>,
    bulk_calls: Calls,
    streams: Calls,
}

/// Connections to the engine.
#[derive(ToSchema)]
pub(crate) struct Connections {
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
    closed: Json,
}

/// Calls of a kind.
#[derive(ToSchema)]
pub(crate) struct Calls {
    max: u64,
    running: u64,
    waiting: u64,
}

/// What a backup holds.
#[derive(ToSchema)]
pub(crate) struct BackupReceipt {
    id: String,
    #[schema(format = DateTime)]
    taken_at: String,
    bytes: u64,
    sha256: String,
    /// How long no write could begin.
    writes_held_ms: u64,
    schemas: Vec<BackedUpSchema>,
}

/// How far a schema is in a backup.
#[derive(ToSchema)]
pub(crate) struct BackedUpSchema {
    name: String,
    /// Its last commit in the copy.
    commit_seq: u64,
}
