//! `POST /schemas/{schema}/validations`.

use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::Schema;

use super::rules::RuleList;
use super::validation::{Validation, location};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::access;
use crate::request::body;
use crate::state::ApiState;

/// Checks rules against every record of a schema, in one snapshot.
#[utoipa::path(
    post,
    path = "/api/v1/schemas/{schema}/validations",
    operation_id = "validate",
    tag = "quality",
    params(openapi::InSchema),
    request_body(content = Option<RuleList>),
    responses(
        (status = 200, description = "What was found.", body = Validation, headers(("Location" = String, description = "Where it is."))),
        (status = 202, description = "It takes longer, and goes on.", body = Validation, headers(("Location" = String, description = "Where it is."))),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let document = body::json_if_any(&request, payload, &state).await?;
    let owner = access::principal(&request)?.key_id();
    let rules = document.as_ref().map(|document| &document.json);
    let start = async |schema: Arc<Schema>| Ok(state.services.validations.start(&schema, rules, owner).await?);
    let job = state.with_schema(&name, start).await?;
    let mut response = if job.progress().state.is_running() { HttpResponse::Accepted() } else { HttpResponse::Ok() };
    Ok(response.insert_header((LOCATION, location(&job))).json(Validation::from(&*job)))
}
