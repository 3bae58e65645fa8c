//! `POST /records`: a route of the predecessor, which names the schema in the body.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::Verb;

use super::bulk::Once;
use super::create;
use super::envelope::{NamedRecord, Opened, open};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::access;
use crate::request::body;
use crate::request::conditional;
use crate::state::ApiState;

/// Creates a record of the schema that the body names.
#[utoipa::path(
    post,
    path = "/api/v1/records",
    operation_id = "create_named_record",
    tag = "aliases",
    params(Once),
    request_body(content = NamedRecord),
    responses(
        (status = 201, description = "The record.", body = openapi::Record, headers(("ETag" = String, description = "The version of the record."), ("Eider-Commit-Seq" = String, description = "The commit that stored it."), ("Location" = String, description = "Where it is."), ("Idempotent-Replayed" = String, description = "`true`: the call was answered before."))),
    )
)]
pub(crate) async fn handle(
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
    create::create_one(&state, &request, &schema_name, data).await
}
