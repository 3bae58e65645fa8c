//! `GET /schemas/{schema}/validations/{id}/issues`.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use arrow_array::RecordBatch;
use bytes::Bytes;
use eider_application::runtime::blocking;
use eider_domain::{Rule, Severity};
use futures::TryStreamExt;

use super::issue_lines::IssueLines;
use super::validation::{OfValidation, find};
use crate::api::openapi;
use crate::api::schemas::definition;
use crate::error::ApiError;
use crate::query_string::{Parameters, only_name};
use crate::response::lines;
use crate::state::ApiState;

#[derive(utoipa::IntoParams)]
#[expect(dead_code, reason = "they are described")]
#[into_params(parameter_in = Query)]
struct IssueFilters {
    /// Only the issues of these rules: their names, between commas.
    #[param(nullable = false)]
    rule: Option<String>,
    /// Only the issues of rules on this property.
    #[param(nullable = false)]
    property: Option<String>,
    /// Only the issues of rules of this severity.
    #[param(nullable = false, inline)]
    severity: Option<definition::Severity>,
}

/// Every issue of a validation, as NDJSON.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/validations/{id}/issues",
    operation_id = "validation_issues",
    tag = "quality",
    params(openapi::InSchema, OfValidation, IssueFilters),
    responses((status = 200, description = "An issue a line, rule by rule.", body = String, content_type = "application/x-ndjson"))
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["rule", "property", "severity"], false)?;
    let job = find(&state, &path).await?;
    let rules = job.rules().rules();
    let chosen = chosen(&parameters, rules)?;
    let writers: Arc<[IssueLines]> = rules.iter().map(IssueLines::new).collect();
    let write = move |(rule, batch): (usize, RecordBatch)| {
        let writers = Arc::clone(&writers);
        blocking::run(move || {
            let mut out = Vec::new();
            writers.get(rule).into_iter().for_each(|writer: &IssueLines| writer.write(&batch, &mut out));
            Bytes::from(out)
        })
    };
    let issues = state.services.validations.issues(&job, chosen)?.and_then(write);
    lines::ndjson(&request, issues)
}

/// The places of the rules that `rule`, `property` and `severity` choose.
fn chosen(parameters: &Parameters<'_>, rules: &[Rule]) -> Result<Vec<usize>, ApiError> {
    let mut chosen: Vec<usize> = (0..rules.len()).collect();
    if let Some(names) = parameters.control("rule") {
        let named = |name: &str| rules.iter().position(|rule| rule.name().eq_ignore_ascii_case(name));
        let missing = names.split(',').find(|name| named(name).is_none());
        if missing.is_some() {
            return Err(ApiError::parameter("rule", "it takes names of rules of the validation, between commas"));
        }
        chosen.retain(|place| names.split(',').any(|name| named(name) == Some(*place)));
    }
    if let Some(name) = parameters.control("property") {
        let name = only_name("property", name)?;
        let is_on = |rule: &Rule| rule.fields().iter().any(|field| field.name().eq_ignore_ascii_case(&name));
        if !rules.iter().any(is_on) {
            return Err(ApiError::parameter("property", "it takes a property that a rule of the validation is on"));
        }
        chosen.retain(|place| is_on(&rules[*place]));
    }
    if let Some(name) = parameters.control("severity") {
        let severity =
            Severity::parse(name).ok_or_else(|| ApiError::parameter("severity", "it takes error, warning"))?;
        chosen.retain(|place| rules[*place].severity() == severity);
    }
    Ok(chosen)
}
