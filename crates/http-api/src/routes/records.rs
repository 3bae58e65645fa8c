//! `/records/{schema}` and `/records/{schema}/{id}`: one record at a time.

use actix_web::http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use bytes::Bytes;
use eider_application::ErrorCode;
use eider_domain::{RecordId, Schema, SystemField};
use uuid::Uuid;

use super::BASE;
use crate::body;
use crate::encode::RecordEncoder;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::state::ApiState;

pub(super) async fn create(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let schema = state.schema(&name).await?;
    let settings = &state.settings;
    let body = body::json_bytes(&request, payload, settings.max_body_bytes, settings.body_timeout).await?;
    create_one(&state, &schema, body).await
}

/// Creates a record and answers with it.
pub(super) async fn create_one(
    state: &ApiState,
    schema: &std::sync::Arc<Schema>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let record = state.services.ingest.create(schema, body).await?;
    let id =
        Uuid::from_slice(record.column(SystemField::Id as usize).as_fixed_size_binary().value(0)).unwrap_or_default();
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("{BASE}/records/{}/{id}", schema.name())))
        .insert_header((ETAG, etag(&record)))
        .content_type("application/json")
        .body(document(&record)))
}

pub(super) async fn get(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let (name, id) = path.into_inner();
    let schema = state.schema(&name).await?;
    let record = state.services.query.get(&schema, parse_id(&id)?).await?;
    let etag = etag(&record);
    if is_current(&request, &etag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, etag)).content_type("application/json").body(document(&record)))
}

pub(super) async fn remove(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let (name, id) = path.into_inner();
    let schema = state.schema(&name).await?;
    state.services.ingest.delete(&schema, parse_id(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn parse_id(text: &str) -> Result<RecordId, ApiError> {
    RecordId::parse(text).map_err(|error| {
        let shown: String = text.chars().take(64).collect();
        ApiError::new(ErrorCode::RecordNotFound, format!("there is no record `{shown}`: {error}"))
    })
}

/// A strong validator: the record's version.
fn etag(record: &RecordBatch) -> String {
    format!("\"{}\"", record.column(SystemField::Version as usize).as_primitive::<Int64Type>().value(0))
}

/// Whether `If-None-Match` names the representation that the client would get (RFC 9110, section 13.1.2).
fn is_current(request: &HttpRequest, etag: &str) -> bool {
    let known = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn document(record: &RecordBatch) -> Vec<u8> {
    let mut body = Vec::with_capacity(512);
    RecordEncoder::new(&record.schema()).write_elements(record, &mut body);
    body
}
