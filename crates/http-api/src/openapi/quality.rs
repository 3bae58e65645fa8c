//! The documents of what is found out about records and schemas, as they are described.
#![expect(dead_code, reason = "the types are described, not made")]

use serde_json::Value as Json;
use utoipa::ToSchema;

use super::{Index, PropertyType, SchemaDefinition};

/// What the values of matching records are like.
#[derive(ToSchema)]
pub(crate) struct DataProfile {
    /// Records that match.
    count: u64,
    properties: Vec<PropertyProfile>,
}

/// What the values of a property are like. A figure that its type does not have is left out; one that its values do not
/// have is null.
#[derive(ToSchema)]
pub(crate) struct PropertyProfile {
    name: String,
    r#type: PropertyType,
    /// Records that have a value.
    count: u64,
    nulls: u64,
    /// About how many different values there are.
    #[schema(nullable = false)]
    distinct: Option<u64>,
    /// The least value; of a text at most 1,000 characters.
    min: Option<Json>,
    /// The greatest value; of a text at most 1,000 characters.
    max: Option<Json>,
    mean: Option<f64>,
    #[schema(nullable = false)]
    quantiles: Option<Vec<Quantile>>,
    /// The most frequent values.
    #[schema(nullable = false)]
    top: Option<Vec<Frequency>>,
    /// Characters of the shortest text.
    min_length: Option<u64>,
    /// Characters of the longest text.
    max_length: Option<u64>,
}

/// About the value that a share of all values does not exceed.
#[derive(ToSchema)]
pub(crate) struct Quantile {
    /// The share, from 0 to 1.
    p: f64,
    value: Json,
}

/// A value and how many records have it.
#[derive(ToSchema)]
pub(crate) struct Frequency {
    value: Json,
    count: u64,
}

/// A record of no schema yet.
#[derive(ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct AnyRecord(Json);

/// A schema that takes the records of a sample, as far as any does.
#[derive(ToSchema)]
pub(crate) struct Proposal {
    schema: SchemaDefinition,
    /// Records that were looked at.
    records: u64,
    evidence: Vec<Evidence>,
}

/// A choice, and the records that break it: with any, it was not made.
#[derive(ToSchema)]
pub(crate) struct Evidence {
    /// The property, or `id`; null for whole records.
    property: Option<String>,
    choice: Choice,
    /// Records of the sample that break the choice.
    broken_by: u64,
    /// The lines of the first of them.
    lines: Vec<u64>,
    /// The name in the body, of a property that is renamed.
    #[schema(nullable = false)]
    from: Option<String>,
    /// The values, of an enumeration.
    #[schema(nullable = false)]
    values: Option<Vec<String>>,
    detail: String,
}

/// A type, or what else may be said of a property.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Choice {
    String,
    Integer,
    Number,
    Decimal,
    Boolean,
    Date,
    Time,
    Datetime,
    Uuid,
    Object,
    Array,
    Readable,
    Renamed,
    RecordId,
    Required,
    IsUnique,
    Enum,
}

/// What the reads of a schema say about its indexes.
#[derive(ToSchema)]
pub(crate) struct IndexAdvice {
    /// For how long reads have been noted: since the server started.
    observed_seconds: f64,
    records: u64,
    /// What could be indexed, those first whose reads took longest.
    candidates: Vec<IndexCandidate>,
    /// Indexes that no read could have used.
    unused: Vec<Index>,
    /// What was asked for, those first that took longest.
    shapes: Vec<SeenShape>,
    /// Reads whose shape is not told apart, since there were too many.
    other_reads: u64,
}

/// A property without an index that reads would use one on.
#[derive(ToSchema)]
pub(crate) struct IndexCandidate {
    property: String,
    reads: u64,
    elapsed_ms: f64,
    slowest_ms: f64,
    /// How many records a read matched on average, of those of which it is known.
    matched_mean: Option<f64>,
    /// About how many records have the same value, on average.
    records_a_value: u64,
    /// Whether an index would be used: the records are many, and those of a value few.
    is_worthwhile: bool,
    /// About what it would add to a bulk call for each record.
    write_ns_a_record: u64,
    /// About what it would take on disk.
    disk_bytes: u64,
}

/// Reads of one shape.
#[derive(ToSchema)]
pub(crate) struct SeenShape {
    /// Properties and operators: `carrier.eq and dep_delay.gt`.
    filter: String,
    reads: u64,
    elapsed_ms: f64,
    slowest_ms: f64,
    matched_mean: Option<f64>,
}
