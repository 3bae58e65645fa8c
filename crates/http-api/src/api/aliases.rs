//! `POST /records` and `POST /records/bulk`: routes of the predecessor, which name the schema in the body.

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::{BodyFormat, Error, blocking};
use eider_domain::Verb;
use futures::stream;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{bulk as bulk_route, records};
use crate::access;
use crate::body;
use crate::conditional;
use crate::error::ApiError;
use crate::openapi;
use crate::query_string::Parameters;
use crate::shape::Shape;
use crate::slow;
use crate::state::ApiState;

/// Bytes of a body that are handed on at once, so that what is made of them does not add up.
const PIECE_BYTES: usize = 256 << 10;

/// The body of both routes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'b> {
    schema_name: String,
    #[serde(borrow)]
    data: &'b RawValue,
}

/// An envelope taken apart; the data shares the body's memory.
struct Opened {
    schema_name: String,
    data: Bytes,
}

async fn open(body: Bytes) -> Result<Opened, ApiError> {
    if body.len() < body::INLINE_BYTES {
        return take_apart(&body);
    }
    blocking::run(move || take_apart(&body)).await.map_err(Error::from)?
}

fn take_apart(body: &Bytes) -> Result<Opened, ApiError> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|error| body::malformed(&error))?;
    Ok(Opened { schema_name: envelope.schema_name, data: body.slice_ref(envelope.data.get().as_bytes()) })
}

/// Creates a record of the schema that the body names.
#[utoipa::path(
    post,
    path = "/api/v1/records",
    operation_id = "create_named_record",
    tag = "aliases",
    params(openapi::Once),
    request_body(content = openapi::NamedRecord),
    responses(
        (status = 201, description = "The record.", body = openapi::Record, headers(("ETag" = String, description = "The version of the record."), ("Eider-Commit-Seq" = String, description = "The commit that stored it."), ("Location" = String, description = "Where it is."), ("Idempotent-Replayed" = String, description = "`true`: the call was answered before."))),
    )
)]
pub(super) async fn create(
    state: web::Data<ApiState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    conditional::without_tag(&request)?;
    let limit = state.settings().max_body_bytes;
    let (body, _held) = body::whole(&request, payload, body::JSON, limit, &state).await?;
    let Opened { schema_name, data } = open(body).await?;
    access::check(&request, Verb::RecordsAppend, &schema_name)?;
    records::create_one(&state, &request, &schema_name, data).await
}

/// Stores records of the schema that the body names; held in memory.
#[utoipa::path(
    post,
    path = "/api/v1/records/bulk",
    operation_id = "create_named_records",
    tag = "aliases",
    params(openapi::BulkControls, openapi::Once),
    request_body(content = openapi::NamedRecords),
    responses(
        (status = 200, description = "The receipt of a dry run.", body = openapi::Receipt),
        (status = 201, description = "Every record was stored or passed over.", body = openapi::Receipt),
        (status = 207, description = "Some records were refused.", body = openapi::Receipt),
    )
)]
pub(super) async fn bulk(
    state: web::Data<ApiState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let options = bulk_route::options(&request)?;
    let settings = &state.settings();
    let _admitted = state.bulk_calls.admit(body::buffered_need(&request, settings)).await?;
    let limit = settings.max_buffered_bulk_bytes;
    let body = body::whole_admitted(&request, payload, body::JSON, limit, &state).await?;
    let Opened { schema_name, data } = open(body).await?;
    access::check(&request, bulk_route::verb(&options), &schema_name)?;
    let schema = state.schema(&schema_name).await?;
    slow::note(&request, Shape::new("bulk", &schema));
    let pieces = (0..data.len()).step_by(PIECE_BYTES);
    let pieces = pieces.map(move |start| Ok(data.slice(start..data.len().min(start + PIECE_BYTES))));
    bulk_route::store(&state, &schema, BodyFormat::JsonArray, options, stream::iter(pieces)).await
}
