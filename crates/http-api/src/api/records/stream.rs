//! `GET /records/{schema}/stream`: every matching record, or those behind a cursor, from one snapshot, in constant memory.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::Schema;

use super::explain::{self, EXPLAIN, Explained};
use super::streamed::{Stream, Streamed, representation};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::{Parameters, record_query, stream_framing, stream_limit};
use crate::representation::accept::{FORMAT, UUID};
use crate::state::{ApiState, MIN_SEQ};

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct StreamLimit {
    /// Records at most.
    #[param(nullable = false, minimum = 1)]
    limit: Option<u64>,
}

const CONTROLS: [&str; 11] =
    ["fields", "sort", "filters", "limit", "resume", "profile", "checkpoint_rows", FORMAT, UUID, MIN_SEQ, EXPLAIN];

/// Every record that filters match, from one snapshot.
#[utoipa::path(
    get,
    path = "/api/v1/records/{schema}/stream",
    operation_id = "stream",
    tag = "streams",
    params(
        openapi::InSchema,
        openapi::Filters,
        openapi::Shown,
        StreamLimit,
        Streamed,
        openapi::Formatted,
        openapi::SeenFrom,
        Explained
    ),
    responses(openapi::StreamAnswer,)
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, true)?;
    let framing = stream_framing(&parameters)?;
    let representation = representation(&request, &parameters, framing)?;
    let (limit, resume) = (stream_limit(&parameters)?, parameters.control("resume").map(str::to_owned));
    let (at_most, is_explained) = (state.settings().query_timeout, explain::is_asked(&parameters)?);
    let stream = async |schema: Arc<Schema>| {
        let query = record_query(&parameters, &schema, &state.settings())?;
        Stream { state: &state, request: &request, schema: &schema, representation, at_most, is_explained }
            .records(query, limit, resume.clone(), framing)
            .await
    };
    state.with_schema_to_read(&name, &parameters, stream).await
}
