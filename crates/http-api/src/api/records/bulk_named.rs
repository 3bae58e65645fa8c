//! `POST /records/bulk`: a route of the predecessor, which names the schema in the body.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ErrorCode;
use eider_application::ingest::BodyFormat;
use futures::stream;

use super::bulk::{self, BulkControls, Once, Receipt};
use super::envelope::{NamedRecords, Opened, open};
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::access;
use crate::request::body;
use crate::state::ApiState;
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

/// Bytes of a body that are handed on at once, so that what is made of them does not add up.
const PIECE_BYTES: usize = 256 << 10;

/// Stores records of the schema that the body names; held in memory.
#[utoipa::path(
    post,
    path = "/api/v1/records/bulk",
    operation_id = "create_named_records",
    tag = "aliases",
    params(BulkControls, Once),
    request_body(content = NamedRecords),
    responses(
        (status = 200, description = "The receipt of a dry run.", body = Receipt),
        (status = 201, description = "Every record was stored or passed over.", body = Receipt),
        (status = 207, description = "Some records were refused.", body = Receipt),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &bulk::CONTROLS, false)?;
    let options = bulk::options(&request, &parameters)?;
    let settings = &state.settings();
    let _admitted = state.bulk_calls.admit(body::buffered_need(&request, settings)).await?;
    let limit = settings.max_buffered_bulk_bytes;
    let body = body::whole_admitted(&request, payload, body::JSON, limit, &state).await?;
    let Opened { schema_name, data } = open(body).await?;
    access::check(&request, bulk::verb(&options), &schema_name)?;
    if !data.starts_with(b"[") {
        return Err(ApiError::new(
            ErrorCode::MalformedJson,
            "`data` is an array of records; `POST /records` takes one",
        ));
    }
    let schema = state.schema(&schema_name).await?;
    slow::note(&request, Shape::new("bulk", &schema));
    let pieces = (0..data.len()).step_by(PIECE_BYTES);
    let pieces = pieces.map(move |start| Ok(data.slice(start..data.len().min(start + PIECE_BYTES))));
    bulk::store(&state, &schema, BodyFormat::JsonArray, options, stream::iter(pieces)).await
}
