//! `POST /records/{schema}/stream`: every record or group, for a query as JSON.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::Schema;

use super::explain::{self, EXPLAIN, Explained};
use super::streamed::{Stream, Streamed, representation};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::{Parameters, stream_framing};
use crate::representation::accept::{FORMAT, UUID};
use crate::request::body;
use crate::request::query_body::{Asked, QueryBody};
use crate::state::{ApiState, MIN_SEQ};

/// Those beside the query, which says the others.
const CONTROLS: [&str; 7] = ["resume", "profile", "checkpoint_rows", FORMAT, UUID, MIN_SEQ, EXPLAIN];

/// Every record or group, for a query as JSON.
#[utoipa::path(
    post,
    path = "/api/v1/records/{schema}/stream",
    operation_id = "stream_query",
    tag = "streams",
    params(openapi::InSchema, Streamed, openapi::Formatted, openapi::SeenFrom, Explained),
    request_body(content = openapi::Query),
    responses(
        openapi::StreamAnswer,
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, false)?;
    let framing = stream_framing(&parameters)?;
    let representation = representation(&request, &parameters, framing)?;
    let document = body::json(&request, payload, &state).await?;
    let (resume, is_explained) = (parameters.control("resume").map(str::to_owned), explain::is_asked(&parameters)?);
    let stream = async |schema: Arc<Schema>| {
        let body = QueryBody::of(&document, &schema, &state).await?;
        body.check_stream()?;
        let at_most = body.timeout.unwrap_or(state.settings().query_timeout);
        let stream =
            Stream { state: &state, request: &request, schema: &schema, representation, at_most, is_explained };
        match body.asked {
            Asked::Records(query) => stream.records(query, body.limit, resume.clone(), framing).await,
            Asked::Groups(_) if framing.is_some() || resume.is_some() => {
                let detail = "groups have no cursors; their stream is neither framed nor resumed";
                Err(ApiError::parameter("profile", detail))
            }
            Asked::Groups(aggregation) => stream.groups(&aggregation, body.limit).await,
        }
    };
    state.with_schema_to_read(&name, &parameters, stream).await
}
