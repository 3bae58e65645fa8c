//! `POST /records/{schema}`.

use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use arrow_array::cast::AsArray;
use bytes::Bytes;
use eider_application::ingest::{BodyFormat, KeyedCreation};
use eider_domain::{Schema, SystemField};
use uuid::Uuid;

use super::bulk::{Once, idempotency_key};
use super::one;
use crate::api::BASE;
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::body;
use crate::request::conditional;
use crate::state::ApiState;
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

/// Name of the header that says that a creation was answered before.
const REPLAYED: &str = "idempotent-replayed";

/// Creates a record.
#[utoipa::path(
    post,
    path = "/api/v1/records/{schema}",
    operation_id = "create_record",
    tag = "records",
    params(openapi::InSchema, Once),
    request_body(content = openapi::NewRecord),
    responses(
        (status = 201, description = "The record.", body = openapi::Record, headers(("ETag" = String, description = "The tag of the record as it is now."), ("Eider-Commit-Seq" = String, description = "The commit that stored it."), ("Location" = String, description = "Where it is."), ("Idempotent-Replayed" = String, description = "`true`: the call was answered before."))),
    )
)]
pub(crate) async fn handle(
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
    Ok(one::answer(state, response, &schema, &stored))
}
