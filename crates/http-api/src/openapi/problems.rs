//! Which operation can fail with which codes.

use std::collections::BTreeMap;

use eider_application::ErrorCode::{
    self, BackupNotFound, CommitLost, DuplicateId, FigureOutOfRange, Forbidden, IdempotencyInProgress,
    IdempotencyMismatch, Internal, InvalidAggregation, InvalidCursor, InvalidFilter, InvalidLimit, InvalidParameter,
    MalformedJson, MalformedRequest, NotAcceptable, Overloaded, PayloadTooLarge, QueryTooComplex, RateLimited,
    RecordNotFound, ReportNotFound, RequestTimeout, RouteNotFound, RulesInvalid, SchemaChanged, SchemaContradicted,
    SchemaExists, SchemaInvalid, SchemaNotFound, StaleVersion, StorageFull, StoreCorrupt, Timeout, TooManyAffected,
    TooManyRecords, Unauthorized, UniqueViolation, UnknownOperator, UnknownParameter, UnknownProperty, Unsupported,
    UnsupportedMediaType, UriTooLong, ValidationFailed, ValidationNotFound, ValidationUnfinished, WriteConflict,
};
use serde_json::{Map, Value as Json, json};

use crate::error::{PROBLEM_JSON, status_of};

/// Of every operation that asks who asks.
const ADMISSION: &[ErrorCode] = &[Unauthorized, Forbidden, RateLimited, UriTooLong, Overloaded];
/// Of every operation below the base path.
const EVERYWHERE: &[ErrorCode] =
    &[MalformedRequest, UnknownParameter, InvalidParameter, Internal, StoreCorrupt, Unsupported, Timeout];
const BODY: &[ErrorCode] = &[MalformedJson, PayloadTooLarge, UnsupportedMediaType, RequestTimeout];
const FILTERS: &[ErrorCode] = &[UnknownProperty, UnknownOperator, InvalidFilter, QueryTooComplex];
/// Of every operation that reads records.
const READ: &[ErrorCode] = &[SchemaNotFound, SchemaChanged, StaleVersion, CommitLost];
const NEGOTIATED: &[ErrorCode] = &[NotAcceptable];
const PAGED: &[ErrorCode] = &[InvalidLimit, InvalidCursor];
const GROUPED: &[ErrorCode] = &[InvalidAggregation, FigureOutOfRange];
const WRITE: &[ErrorCode] = &[ValidationFailed, WriteConflict, SchemaChanged, StorageFull];
const KEYS: &[ErrorCode] = &[DuplicateId, UniqueViolation];
const NAMED_CALL: &[ErrorCode] = &[IdempotencyInProgress, IdempotencyMismatch];

/// The codes of an operation; every code that a client can meet is that of one, but for those of paths and methods that
/// there are not.
fn codes(operation_id: &str) -> Vec<ErrorCode> {
    let groups: &[&[ErrorCode]] = match operation_id {
        "live" => return vec![UriTooLong],
        "front_door" | "favicon" => return vec![MalformedRequest, UnknownParameter, UriTooLong, Overloaded],
        "problem_type" => return vec![MalformedRequest, UnknownParameter, RouteNotFound, UriTooLong, Overloaded],
        "docs" | "docs_asset" => return vec![UriTooLong, Overloaded],
        "ready" => return vec![UriTooLong, Internal, StoreCorrupt, Unsupported, Overloaded, Timeout],
        "metrics" | "memory" | "pool" => &[&[Internal, StoreCorrupt, Unsupported, Timeout]],
        "backup" => &[EVERYWHERE, &[StorageFull]],
        "backup_receipt" => &[EVERYWHERE, &[BackupNotFound]],
        "create_schema" => &[EVERYWHERE, BODY, &[SchemaInvalid, SchemaExists, WriteConflict, StorageFull]],
        "describe_schema" => &[EVERYWHERE, &[SchemaNotFound, SchemaChanged, StaleVersion]],
        "advice" => &[EVERYWHERE, &[SchemaNotFound, SchemaChanged]],
        "schema_versions" | "list_validations" => &[EVERYWHERE, &[SchemaNotFound]],
        "evolve_schema" => &[
            EVERYWHERE,
            BODY,
            &[
                SchemaNotFound,
                SchemaInvalid,
                SchemaContradicted,
                SchemaChanged,
                StaleVersion,
                WriteConflict,
                StorageFull,
            ],
        ],
        "remove_schema" => &[EVERYWHERE, &[SchemaNotFound, StaleVersion, WriteConflict, StorageFull]],
        "validate" => &[EVERYWHERE, &[SchemaNotFound, SchemaChanged, RulesInvalid, StorageFull], BODY],
        "validation" | "cancel_validation" => &[EVERYWHERE, &[SchemaNotFound, ValidationNotFound]],
        "validation_issues" => &[EVERYWHERE, &[SchemaNotFound, ValidationNotFound, ValidationUnfinished]],
        "apply_suggestions" => &[
            EVERYWHERE,
            &[SchemaNotFound, ValidationNotFound, ValidationUnfinished, RulesInvalid, UniqueViolation],
            BODY,
            WRITE,
        ],
        "infer_schema" => &[EVERYWHERE, BODY, &[SchemaInvalid, StorageFull]],
        "failures" => &[EVERYWHERE, &[ReportNotFound]],
        "create_record" | "create_named_record" => {
            &[EVERYWHERE, &[SchemaNotFound, StaleVersion], BODY, WRITE, KEYS, NAMED_CALL]
        }
        "create_records" | "create_named_records" => {
            &[EVERYWHERE, &[SchemaNotFound, StaleVersion, TooManyRecords], BODY, WRITE, NAMED_CALL]
        }
        "page" | "stream" => &[EVERYWHERE, READ, FILTERS, NEGOTIATED, PAGED],
        "count" | "profile" => &[EVERYWHERE, READ, FILTERS],
        "query" | "query_by_post" | "stream_query" => &[EVERYWHERE, READ, BODY, FILTERS, NEGOTIATED, PAGED, GROUPED],
        "remove_records" => &[
            EVERYWHERE,
            &[SchemaNotFound, SchemaChanged, StaleVersion, TooManyAffected, WriteConflict, StorageFull],
            FILTERS,
        ],
        "record" => &[EVERYWHERE, READ, &[RecordNotFound]],
        "replace_record" | "patch_record" => {
            &[EVERYWHERE, &[SchemaNotFound, RecordNotFound, StaleVersion], BODY, WRITE, KEYS]
        }
        "remove_record" => {
            &[EVERYWHERE, &[SchemaNotFound, SchemaChanged, RecordNotFound, StaleVersion, WriteConflict, StorageFull]]
        }
        _ => &[EVERYWHERE],
    };
    [ADMISSION, &groups.concat()].concat()
}

/// The answers of an operation that are problems, by status.
pub(super) fn responses(operation_id: &str) -> Map<String, Json> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes(operation_id) {
        by_status.entry(status_of(code).as_u16()).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(status, &codes))).collect()
}

fn response(status: u16, codes: &[ErrorCode]) -> Json {
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let meanings: Vec<String> = codes.iter().map(|code| format!("- `{code}`: {}.", code.title())).collect();
    let schema = json!({
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": {"enum": names}},
    });
    let mut response = json!({"description": meanings.join("\n"), "content": {PROBLEM_JSON: {"schema": schema}}});
    if codes.contains(&Overloaded) || codes.contains(&RateLimited) {
        response["headers"] = json!({"Retry-After": {
            "description": "In how many seconds to try again.", "schema": {"type": "integer"}}});
    }
    response
}
