//! `/records/{schema}` and `/records/{schema}/{id}`: one record at a time.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use bytes::Bytes;
use eider_application::timings::{self, Stage};
use eider_application::{BodyFormat, ErrorCode, KeyedCreation, Preconditions, StoredRecord, WarningCount, record_tag};
use eider_domain::{RecordId, Schema, SystemField};
use serde_json::json;
use uuid::Uuid;

use super::BASE;
use super::bulk::idempotency_key;
use crate::body;
use crate::conditional::{self, is_known};
use crate::encode::JsonRows;
use crate::error::ApiError;
use crate::openapi;
use crate::query_string::{Parameters, record_query};
use crate::shape::Shape;
use crate::slow;
use crate::state::{ApiState, MIN_SEQ};

/// Name of the header with the number of the commit that a change was stored by.
const COMMIT_SEQ: &str = "eider-commit-seq";
/// Name of the header that says that a creation was answered before.
const REPLAYED: &str = "idempotent-replayed";

/// Name of the header with what a record that was stored lacks that it should have: `property=code, …`.
const WARNINGS: &str = "eider-warnings";

/// Creates a record.
#[utoipa::path(
    post,
    path = "/api/v1/records/{schema}",
    operation_id = "create_record",
    tag = "records",
    params(openapi::InSchema, openapi::Once),
    request_body(content = openapi::NewRecord),
    responses(
        (status = 201, description = "The record.", body = openapi::Record, headers(("ETag" = String, description = "The tag of the record as it is now."), ("Eider-Commit-Seq" = String, description = "The commit that stored it."), ("Location" = String, description = "Where it is."), ("Idempotent-Replayed" = String, description = "`true`: the call was answered before."))),
    )
)]
pub(super) async fn create(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    conditional::without_tag(&request)?;
    // A schema that is not there is told before the body is read.
    state.schema(&name).await?;
    let limit = state.settings().max_body_bytes;
    let (body, _held) = body::whole(&request, payload, body::JSON, limit, &state).await?;
    create_one(&state, &request, &name, body).await
}

/// Creates a record and answers with it.
pub(super) async fn create_one(
    state: &ApiState,
    request: &HttpRequest,
    name: &str,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    state.record_metrics.received_bytes.of(BodyFormat::JsonArray).inc_by(body.len() as u64);
    let ingest = &state.services.ingest;
    let key = idempotency_key(request)?;
    let create = async |schema: Arc<Schema>| {
        slow::note(request, Shape::new("create", &schema));
        let created = match key.clone() {
            None => KeyedCreation::Stored(ingest.create(&schema, body.clone()).await?),
            Some(key) => ingest.create_once(&schema, body.clone(), key).await?,
        };
        Ok((schema, created))
    };
    let (schema, created) = state.with_schema(name, create).await?;
    let (stored, is_replayed) = match created {
        KeyedCreation::Stored(stored) => (stored, false),
        KeyedCreation::Replayed(stored) => (stored, true),
    };
    let id = stored.record.column(SystemField::Id as usize).as_fixed_size_binary().value(0);
    let id = Uuid::from_slice(id).unwrap_or_default();
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("{BASE}/records/{}/{id}", schema.name())));
    if is_replayed {
        state.request_metrics.replays.inc();
        response.insert_header((REPLAYED, "true"));
    } else {
        state.record_metrics.stored_one(&schema, &stored);
    }
    Ok(answer(state, response, &schema, &stored))
}

/// The record as it is stored now, with its version and the commit that stored it.
fn answer(state: &ApiState, mut response: HttpResponseBuilder, schema: &Schema, stored: &StoredRecord) -> HttpResponse {
    if !stored.warnings.is_empty() {
        let warning = |warning: &WarningCount| format!("{}={}", warning.property.replace(',', "+"), warning.code);
        let warnings: Vec<String> = stored.warnings.iter().map(warning).collect();
        response.insert_header((WARNINGS, warnings.join(", ")));
    }
    response
        .insert_header((ETAG, etag(schema, &stored.record)))
        .insert_header((COMMIT_SEQ, stored.commit_seq.to_string()))
        .content_type("application/json")
        .body(document(state, &stored.record))
}

/// What a body does to the record that it is sent to.
#[derive(Debug, Clone, Copy)]
enum Rewrite {
    Replace,
    Patch,
}

/// Gives a record the properties of the body.
#[utoipa::path(
    put,
    path = "/api/v1/records/{schema}/{id}",
    operation_id = "replace_record",
    tag = "records",
    params(openapi::InSchema, openapi::OfRecord, openapi::IfMatch, openapi::UnlessMatch),
    request_body(content = openapi::NewRecord),
    responses(
        (status = 200, description = "The record as it is now.", body = openapi::Record, headers(("ETag" = String, description = "The tag of the record as it is now."), ("Eider-Commit-Seq" = String, description = "The commit that stored it."))),
    )
)]
pub(super) async fn replace(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    rewrite(&state, &request, path, payload, Rewrite::Replace).await
}

/// Changes a record by a merge patch (RFC 7396).
#[utoipa::path(
    patch,
    path = "/api/v1/records/{schema}/{id}",
    operation_id = "patch_record",
    tag = "records",
    params(openapi::InSchema, openapi::OfRecord, openapi::IfMatch, openapi::UnlessMatch),
    request_body(content((openapi::RecordPatch = "application/merge-patch+json"), (openapi::RecordPatch = "application/json"))),
    responses(
        (status = 200, description = "The record as it is now.", body = openapi::Record, headers(("ETag" = String, description = "The tag of the record as it is now."), ("Eider-Commit-Seq" = String, description = "The commit that stored it."))),
    )
)]
pub(super) async fn patch(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    rewrite(&state, &request, path, payload, Rewrite::Patch).await
}

async fn rewrite(
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

/// The schema and the record that a path names, and what the request expects of the record.
async fn addressed(
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

/// Deletes the records that filters match, if they are no more than `max_affected`.
#[utoipa::path(
    delete,
    path = "/api/v1/records/{schema}",
    operation_id = "remove_records",
    tag = "records",
    params(openapi::InSchema, openapi::Filters, openapi::Removal),
    responses(
        (status = 200, description = "How many there were.", body = openapi::Deletion),
    )
)]
pub(super) async fn remove_matching(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["filters", "max_affected"], true)?;
    conditional::without_tag(&request)?;
    let delete = async |schema: Arc<Schema>| {
        let filter = record_query(&parameters, &schema, &state.settings())?.filter;
        if filter.is_everything() {
            let detail = "a deletion needs at least one filter; to remove everything, delete the schema";
            return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
        }
        let max_affected = parameters.control("max_affected").and_then(|text| text.parse().ok());
        let max_affected = max_affected
            .ok_or_else(|| ApiError::parameter("max_affected", "it takes the most records that may be deleted"))?;
        slow::note(&request, Shape::of_filter("delete", &schema, &filter));
        Ok(state.services.ingest.delete_matching(&schema, &filter, max_affected).await?)
    };
    let receipt = state.with_schema(&name, delete).await?;
    Ok(HttpResponse::Ok().json(json!({"deleted": receipt.rows, "commit_seq": receipt.commit_seq})))
}

/// A record.
#[utoipa::path(
    get,
    path = "/api/v1/records/{schema}/{id}",
    operation_id = "record",
    tag = "records",
    params(openapi::InSchema, openapi::OfRecord, openapi::SeenFrom, openapi::IfNoneMatch),
    responses(
        (status = 200, description = "The record.", body = openapi::Record, headers(("ETag" = String, description = "The tag of the record as it is now."))),
        openapi::NotModified,
    )
)]
pub(super) async fn get(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &[MIN_SEQ], false)?;
    let (name, id) = path.into_inner();
    let read = async |schema: Arc<Schema>| {
        let record = state.services.query.get(&schema, parse_id(&id)?).await?;
        Ok((etag(&schema, &record), record))
    };
    let (etag, record) = state.with_schema_to_read(&name, &parameters, read).await?;
    if is_known(&request, &etag)? {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, etag)).content_type("application/json").body(document(&state, &record)))
}

/// Deletes a record.
#[utoipa::path(
    delete,
    path = "/api/v1/records/{schema}/{id}",
    operation_id = "remove_record",
    tag = "records",
    params(openapi::InSchema, openapi::OfRecord, openapi::IfMatch, openapi::UnlessMatch),
    responses(
        (status = 204, description = "It is gone.", headers(("Eider-Commit-Seq" = String, description = "The commit that removed it."))),
    )
)]
pub(super) async fn remove(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (name, id, preconditions) = addressed(&state, &request, path).await?;
    let delete = async |schema: Arc<Schema>| {
        slow::note(&request, Shape::new("change", &schema));
        Ok(state.services.ingest.delete(&schema, id, &preconditions).await?)
    };
    let commit_seq = state.with_schema(&name, delete).await?;
    Ok(HttpResponse::NoContent().insert_header((COMMIT_SEQ, commit_seq.to_string())).finish())
}

fn parse_id(text: &str) -> Result<RecordId, ApiError> {
    RecordId::parse(text).map_err(|error| {
        let shown: String = text.chars().take(64).collect();
        ApiError::new(ErrorCode::RecordNotFound, format!("there is no record `{shown}`: {error}"))
    })
}

/// A strong validator.
fn etag(schema: &Schema, record: &RecordBatch) -> String {
    format!("\"{}\"", record_tag(schema, record))
}

fn document(state: &ApiState, record: &RecordBatch) -> Vec<u8> {
    let started = Instant::now();
    let mut body = Vec::with_capacity(512);
    JsonRows::new(&record.schema()).write_elements(record, &mut body);
    state.record_metrics.sent_whole(BodyFormat::JsonArray, 1, body.len());
    timings::add(Stage::Encode, started.elapsed());
    body
}
