//! Rules, validations and profiles, as they are described.
#![expect(dead_code, reason = "the types are described, not made")]

use serde_json::Value as Json;
use utoipa::{IntoParams, ToSchema};

use super::{PropertyType, SchemaDefinition, Severity};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfValidation {
    /// The id of a validation.
    #[param(format = "uuid")]
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IssueFilters {
    /// Only the issues of these rules: their names, between commas.
    #[param(nullable = false)]
    rule: Option<String>,
    /// Only the issues of rules on this property.
    #[param(nullable = false)]
    property: Option<String>,
    /// Only the issues of rules of this severity.
    #[param(nullable = false, inline)]
    severity: Option<Severity>,
}

/// The rules of a validation.
#[derive(ToSchema)]
pub(crate) struct RuleList {
    /// Without them they are those of the schema.
    #[schema(min_items = 1, max_items = 100)]
    rules: Option<Vec<QualityRule>>,
}

/// What values of a property must be like. Which members a rule takes depends on its kind.
#[derive(ToSchema)]
pub(crate) struct QualityRule {
    rule: RuleKind,
    /// A property of the schema; of `freshness` also `created_at` and `updated_at`.
    #[schema(nullable = false)]
    property: Option<String>,
    /// Of `duplicate`, in place of `property`.
    #[schema(nullable = false, min_items = 1, max_items = 16)]
    properties: Option<Vec<String>>,
    /// What the rule is called; made of its kind and its property if not given.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,100}$")]
    name: Option<String>,
    severity: Option<Severity>,
    /// Of `values`: those allowed.
    #[schema(nullable = false, min_items = 1, max_items = 1000)]
    values: Option<Vec<Json>>,
    /// Of `standardize`: white space around the text goes.
    #[schema(nullable = false)]
    trim: Option<bool>,
    /// Of `standardize`: white space becomes a single space wherever it is.
    #[schema(nullable = false)]
    collapse: Option<bool>,
    /// Of `standardize`.
    #[schema(nullable = false)]
    case: Option<RuleCase>,
    /// Of `standardize`: other spellings, and what they become.
    #[schema(nullable = false, value_type = Option<Object>)]
    spellings: Option<Json>,
    /// Of `length`: fewest characters.
    #[schema(nullable = false, minimum = 0)]
    min: Option<u64>,
    /// Of `length`: most characters.
    #[schema(nullable = false, minimum = 0)]
    max: Option<u64>,
    /// Of `characters`: characters, and ranges of them.
    #[schema(nullable = false, example = "A-Z0-9")]
    allowed: Option<String>,
    /// Of `pattern`: matches anywhere; the syntax of Rust's `regex`, as in constraints.
    #[schema(nullable = false)]
    pattern: Option<String>,
    /// Of `range`.
    #[schema(nullable = false)]
    minimum: Option<Json>,
    /// Of `range`.
    #[schema(nullable = false)]
    maximum: Option<Json>,
    /// Of `freshness`: a whole number and one of `s`, `m`, `h`, `d`, `w`.
    #[schema(nullable = false, pattern = "^[0-9]+[smhdw]$")]
    max_age: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum RuleKind {
    Required,
    Values,
    Standardize,
    Length,
    Characters,
    Pattern,
    Range,
    Duplicate,
    Freshness,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum RuleCase {
    Lower,
    Upper,
}

#[derive(ToSchema)]
pub(crate) struct ValidationList {
    data: Vec<Validation>,
}

/// Rules that are or were checked against what is stored.
#[derive(ToSchema)]
pub(crate) struct Validation {
    #[schema(format = "uuid")]
    id: String,
    schema: String,
    state: ValidationState,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    elapsed_ms: Option<f64>,
    /// The last commit that was seen.
    commit_seq: Option<u64>,
    /// Records that were looked at.
    records: Option<u64>,
    progress: ValidationSteps,
    /// Values that break a rule, of the rules that were checked so far.
    issues: u64,
    /// Those of them that a rule has a suggestion for.
    suggestions: u64,
    /// Whether there are more issues than can be read; all are counted.
    truncated: bool,
    rules: Vec<CheckedRule>,
    /// Issues by property; a rule on several counts for each.
    #[schema(value_type = Object)]
    by_property: Json,
    /// Issues by severity.
    #[schema(value_type = Object)]
    by_severity: Json,
    /// The code of the problem that ended it.
    #[schema(nullable = false)]
    failure: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum ValidationState {
    Running,
    Done,
    Failed,
    Cancelled,
}

/// How many rules there are, and how many were checked.
#[derive(ToSchema)]
pub(crate) struct ValidationSteps {
    rules: u64,
    done: u64,
}

/// A rule, and what was found of it; null until it was checked.
#[derive(ToSchema)]
pub(crate) struct CheckedRule {
    name: String,
    rule: RuleKind,
    properties: Vec<String>,
    severity: Severity,
    category: String,
    issues: Option<u64>,
    suggestions: Option<u64>,
    /// Whether there are more issues of it than can be read; null before it is checked.
    truncated: Option<bool>,
    elapsed_ms: Option<f64>,
}

/// The rules whose suggestions are to be written.
#[derive(ToSchema)]
pub(crate) struct ChosenRules {
    /// Their names; without them all that have suggestions.
    rules: Option<Vec<String>>,
}

/// What became of suggestions.
#[derive(ToSchema)]
pub(crate) struct AppliedSuggestions {
    /// Records that were changed.
    changed: u64,
    commit_seq: u64,
    rules: Vec<AppliedRule>,
    elapsed_ms: f64,
}

/// A rule whose suggestions were written.
#[derive(ToSchema)]
pub(crate) struct AppliedRule {
    name: String,
    /// Records that it changed.
    changed: u64,
}

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
    /// How many different values there are; of many an estimate.
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
    unused: Vec<UnusedIndex>,
    /// What was asked for, those first that took longest.
    shapes: Vec<SeenShape>,
    /// Reads whose shape is not told apart, since there were too many.
    other_reads: u64,
}

/// An index that no read could have used.
#[derive(ToSchema)]
pub(crate) struct UnusedIndex {
    property: String,
    unique: bool,
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
