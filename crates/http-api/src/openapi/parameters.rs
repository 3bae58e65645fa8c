//! The parameters of requests, as they are described; in sets that routes have together.
#![expect(dead_code, reason = "the types are described, not made")]

use serde_json::Value as Json;
use utoipa::{IntoParams, ToSchema};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InSchema {
    /// The name of a schema, in any case.
    #[param(pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    schema: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfRecord {
    /// The id of a record.
    #[param(format = "uuid")]
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfImport {
    /// The `import_id` of a receipt.
    #[param(format = "uuid")]
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filters {
    /// Conditions, joined by AND, each a parameter of its own: `property.operator=value`. The operators are `eq`, `ne`,
    /// `gt`, `gte`, `lt`, `lte`, `in` (values between commas, or a JSON array), `like`, `ilike` (`%` any characters,
    /// `_` one), `is_null`, `is_not_null` (`true` or `false`).
    #[param(style = Form, explode, value_type = Option<Object>)]
    filter: Json,
    /// The same in the predecessor's spelling: `[{"field": …, "operator": …, "value": …}]`.
    #[param(nullable = false)]
    filters: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Shown {
    /// Only these fields, in this order: `id,carrier`.
    #[param(nullable = false, min_length = 1)]
    fields: Option<String>,
    /// Keys of the order, `-` for descending: `-time_hour,flight`; or `[{"field": …, "order": "asc"}]`.
    #[param(nullable = false, min_length = 1)]
    sort: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Counted {
    /// Says how many records each schema has.
    #[param(nullable = false)]
    statistics: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DescribedAs {
    /// The version of OpenAPI, 3.2 if not given; 3.1 does not know the method QUERY.
    #[param(nullable = false, inline)]
    version: Option<OpenApiVersion>,
}

#[derive(ToSchema)]
pub(crate) enum OpenApiVersion {
    #[schema(rename = "3.2")]
    V3_2,
    #[schema(rename = "3.1")]
    V3_1,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Profiled {
    /// Only these fields, in this order: `carrier,created_at`. Every property if not given.
    #[param(nullable = false, min_length = 1)]
    fields: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InferenceControls {
    /// The name of the schema; `records` if not given.
    #[param(nullable = false, pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    name: Option<String>,
    /// Records that are looked at, from the first; 10,000 if not given.
    #[param(nullable = false, minimum = 1)]
    sample: Option<u64>,
    /// Texts that come again and again are all that the schema allows.
    #[param(nullable = false)]
    enums: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paged {
    /// Records on the page, 100 if not given.
    #[param(nullable = false, minimum = 1)]
    limit: Option<u64>,
    /// Goes on behind an earlier page: its `page.next`, with the same filters and sort.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// The number of the page, from 1. Not together with `limit` and `cursor`.
    #[param(nullable = false, minimum = 1)]
    page: Option<u64>,
    /// Records on a page that has a number, 100 if not given. Not together with `limit` and `cursor`.
    #[param(nullable = false, minimum = 1)]
    size: Option<u64>,
    /// `exact` fills `total`.
    #[param(nullable = false, inline)]
    count: Option<Counting>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Counting {
    None,
    Exact,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Formatted {
    /// The format of the answer, whatever `Accept` says.
    #[param(nullable = false, inline)]
    format: Option<Format>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Format {
    Ndjson,
    Jsonl,
    Json,
    Csv,
    Arrow,
    Parquet,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeenFrom {
    /// The read waits until this commit of the schema is visible.
    #[param(nullable = false, minimum = 0)]
    min_seq: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Explained {
    /// Answers how the read is answered, instead of its records.
    #[param(nullable = false)]
    explain: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamLimit {
    /// Records at most.
    #[param(nullable = false, minimum = 1)]
    limit: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Streamed {
    /// Goes on behind the record at a cursor.
    #[param(nullable = false)]
    resume: Option<String>,
    /// `framed`: NDJSON whose lines say what they are, with cursors between the records.
    #[param(nullable = false, inline)]
    profile: Option<Profile>,
    /// With `profile=framed`: a cursor behind every so many records.
    #[param(nullable = false, minimum = 1, maximum = 1_000_000)]
    checkpoint_rows: Option<u64>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Profile {
    Plain,
    Framed,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BulkControls {
    /// `atomic`: all records are stored or none; `partial`: the good ones.
    #[param(nullable = false, inline)]
    mode: Option<Mode>,
    /// What becomes of a record whose id or unique value is taken.
    #[param(nullable = false, inline)]
    on_conflict: Option<OnConflict>,
    /// `ids`: the receipt lists the ids of what was stored.
    #[param(nullable = false, inline)]
    r#return: Option<Returned>,
    /// Everything is checked and nothing stored.
    #[param(nullable = false)]
    dry_run: Option<bool>,
    /// With more refused records nothing is stored.
    #[param(nullable = false, minimum = 0)]
    max_errors: Option<u64>,
    /// `ignore`: fields that the server keeps (`created_at`, `updated_at`, `version`) are passed over.
    #[param(nullable = false, inline)]
    read_only: Option<ReadOnly>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum ReadOnly {
    Refuse,
    Ignore,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Mode {
    Atomic,
    Partial,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum OnConflict {
    Error,
    Ignore,
    Replace,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Returned {
    None,
    Ids,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Removal {
    /// Nothing is deleted when more records match.
    #[param(minimum = 0)]
    max_affected: u64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Once {
    /// What the client calls this call: a repeat within 24 hours stores nothing and has the same answer.
    #[param(rename = "Idempotency-Key", nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfMatch {
    /// The `ETag` that what is changed must have, or `*`: 412 if it has another.
    #[param(rename = "If-Match", nullable = false)]
    if_match: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct UnlessMatch {
    /// The `ETag` that what is changed must not have, or `*`: 412 if it has it.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Trial {
    /// Everything is checked and nothing is changed.
    #[param(nullable = false)]
    dry_run: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfNoneMatch {
    /// The `ETag` of an answer that the client has: 304 if it is the one it would get.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}
