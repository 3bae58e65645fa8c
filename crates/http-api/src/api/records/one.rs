//! What the routes of single records share: the record that a path names, changes of it, and the answer.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use arrow_array::RecordBatch;
use eider_application::ErrorCode;
use eider_application::ingest::{BodyFormat, StoredRecord, WarningCount};
use eider_application::records::{Preconditions, record_tag};
use eider_application::runtime::timings::{self, Stage};
use eider_domain::{RecordId, Schema, ViolationCode, leading_name};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::body;
use crate::request::conditional;
use crate::state::ApiState;
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;
use eider_formats::json::JsonRows;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "they are described, and read one by one")]
pub(super) struct OfRecord {
    /// The id of a record.
    #[param(format = "uuid")]
    id: String,
}

/// Name of the header with the number of the commit that a change was stored by.
pub(super) const COMMIT_SEQ: &str = "eider-commit-seq";

/// Name of the header with what a record that was stored lacks that it should have: `property=code, …`.
const WARNINGS: &str = "eider-warnings";

/// What is percent-encoded of the name of a property in a header.
const BEYOND_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// The record as it is stored now, with its version and the commit that stored it.
pub(super) fn answer(
    state: &ApiState,
    mut response: HttpResponseBuilder,
    schema: &Schema,
    stored: &StoredRecord,
) -> HttpResponse {
    if !stored.warnings.is_empty() {
        let warning = |warning: &WarningCount| format!("{}={}", header_names(warning), warning.code);
        let warnings: Vec<String> = stored.warnings.iter().map(warning).collect();
        response.insert_header((WARNINGS, warnings.join(", ")));
    }
    response
        .insert_header((ETAG, etag(schema, &stored.record)))
        .insert_header((COMMIT_SEQ, stored.commit_seq.to_string()))
        .content_type("application/json")
        .body(document(state, &stored.record))
}

/// The property of a warning, or those of a key between `+`, percent-encoded: a header has no other characters.
fn header_names(warning: &WarningCount) -> String {
    let encoded = |name: &str| utf8_percent_encode(name, BEYOND_NAMES).to_string();
    if warning.code != ViolationCode::UniqueViolation {
        return encoded(&warning.property);
    }
    let (mut names, mut rest) = (Vec::new(), Some(warning.property.as_str()));
    while let Some((name, behind)) = rest.and_then(|text| leading_name(text, ',').ok()) {
        names.push(encoded(&name));
        rest = behind.strip_prefix(',');
    }
    names.join("+")
}

/// The schema and the record that a path names, and what the request expects of the record.
pub(super) async fn addressed(
    state: &ApiState,
    request: &HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<(String, RecordId, Preconditions), ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let (name, id) = path.into_inner();
    // A schema that is not there is told before the body is read.
    state.schema(&name).await?;
    let id = parse_id(&id)?;
    Ok((name, id, conditional::preconditions(request)?))
}

pub(super) fn parse_id(text: &str) -> Result<RecordId, ApiError> {
    RecordId::parse(text).map_err(|error| {
        let shown: String = text.chars().take(64).collect();
        ApiError::new(ErrorCode::RecordNotFound, format!("there is no record `{shown}`: {error}"))
    })
}

/// A strong validator.
pub(super) fn etag(schema: &Schema, record: &RecordBatch) -> String {
    format!("\"{}\"", record_tag(schema, record))
}

pub(super) fn document(state: &ApiState, record: &RecordBatch) -> Vec<u8> {
    let started = Instant::now();
    let mut body = Vec::with_capacity(512);
    JsonRows::new(&record.schema()).write_elements(record, &mut body);
    state.record_metrics.sent_whole(BodyFormat::JsonArray, 1, body.len());
    timings::add(Stage::Encode, started.elapsed());
    body
}

/// What a body does to the record that it is sent to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rewrite {
    Replace,
    Patch,
}

pub(super) async fn rewrite(
    state: &ApiState,
    request: &HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    rewrite: Rewrite,
) -> Result<HttpResponse, ApiError> {
    let (name, id, preconditions) = addressed(state, request, path).await?;
    let accepted = match rewrite {
        Rewrite::Replace => body::JSON,
        Rewrite::Patch => body::MERGE_PATCH,
    };
    let (body, _held) = body::whole(request, payload, accepted, state.settings().max_body_bytes, state).await?;
    state.record_metrics.received_bytes.of(BodyFormat::JsonArray).inc_by(body.len() as u64);
    let ingest = &state.services.ingest;
    let change = async |schema: Arc<Schema>| {
        slow::note(request, Shape::new("change", &schema));
        let stored = match rewrite {
            Rewrite::Replace => ingest.replace(&schema, id, body.clone(), &preconditions).await?,
            Rewrite::Patch => ingest.patch(&schema, id, body.clone(), &preconditions).await?,
        };
        Ok((schema, stored))
    };
    let (schema, stored) = state.with_schema(&name, change).await?;
    state.record_metrics.stored_one(&schema, &stored);
    Ok(answer(state, HttpResponse::Ok(), &schema, &stored))
}
