//! `/schemas/{schema}/validations`: rules checked against what is stored, and what they suggest.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use arrow_array::RecordBatch;
use bytes::Bytes;
use eider_application::{
    AppliedRules, BodyFormat, Error, ErrorCode, RuleOutcome, StoreError, ValidationJob, ValidationProgress,
    ValidationState, blocking,
};
use eider_domain::{Field, Rule, Schema, Severity, Verb};
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::BASE;
use crate::access;
use crate::body;
use crate::encode::IssueLines;
use crate::error::ApiError;
use crate::media_type::MediaType;
use crate::openapi;
use crate::query_string::Parameters;
use crate::state::ApiState;

/// Checks rules against every record of a schema, in one snapshot.
#[utoipa::path(
    post,
    path = "/api/v1/schemas/{schema}/validations",
    operation_id = "validate",
    tag = "quality",
    params(openapi::InSchema),
    request_body(content = Option<openapi::RuleList>),
    responses(
        (status = 200, description = "What was found.", body = openapi::Validation, headers(("Location" = String, description = "Where it is."))),
        (status = 202, description = "It takes longer, and goes on.", body = openapi::Validation, headers(("Location" = String, description = "Where it is."))),
    )
)]
pub(super) async fn start(
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
    let location = format!("{BASE}/schemas/{}/validations/{}", job.schema().name(), job.id());
    Ok(response.insert_header((LOCATION, location)).json(document_of(&job)))
}

/// The validations of a schema that run or are kept, the youngest first.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/validations",
    operation_id = "list_validations",
    tag = "quality",
    params(openapi::InSchema),
    responses((status = 200, description = "The validations.", body = openapi::ValidationList))
)]
pub(super) async fn list(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let schema = state.schema(&name).await?;
    let jobs = state.services.validations.list(&schema);
    let data: Vec<Json> = jobs.iter().map(|job| document_of(job)).collect();
    Ok(HttpResponse::Ok().json(json!({"data": data})))
}

/// How far a validation has come, and what was found so far.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/validations/{id}",
    operation_id = "validation",
    tag = "quality",
    params(openapi::InSchema, openapi::OfValidation),
    responses((status = 200, description = "The validation.", body = openapi::Validation))
)]
pub(super) async fn describe(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let job = find(&state, &path).await?;
    Ok(HttpResponse::Ok().json(document_of(&job)))
}

/// Cancels a validation that runs; removes one that has ended.
#[utoipa::path(
    delete,
    path = "/api/v1/schemas/{schema}/validations/{id}",
    operation_id = "cancel_validation",
    tag = "quality",
    params(openapi::InSchema, openapi::OfValidation),
    responses((status = 204, description = "It runs no longer, or is gone."))
)]
pub(super) async fn cancel(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let schema = state.schema(&path.0).await?;
    let (id, principal) = (id_of(&path.1)?, access::principal(&request)?);
    let is_own = state.services.validations.get(&schema, id)?.owner() == principal.key_id();
    if !is_own && !principal.may(Verb::RecordsWrite, schema.name()) {
        let detail = format!("the validation is another key's; to end it takes `{}`", Verb::RecordsWrite);
        return Err(ApiError::new(ErrorCode::Forbidden, detail));
    }
    state.services.validations.cancel(&schema, id)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Every issue of a validation, as NDJSON.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/validations/{id}/issues",
    operation_id = "validation_issues",
    tag = "quality",
    params(openapi::InSchema, openapi::OfValidation, openapi::IssueFilters),
    responses((status = 200, description = "An issue a line, rule by rule.", body = String, content_type = "application/x-ndjson"))
)]
pub(super) async fn issues(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["rule", "property", "severity"], false)?;
    let job = find(&state, &path).await?;
    let rules = job.rules().rules();
    let chosen = chosen(&parameters, rules)?;
    let lines: Arc<[IssueLines]> = rules.iter().map(IssueLines::new).collect();
    let write = move |(rule, batch): (usize, RecordBatch)| {
        let lines = Arc::clone(&lines);
        blocking::run(move || {
            let mut out = Vec::new();
            lines.get(rule).into_iter().for_each(|lines: &IssueLines| lines.write(&batch, &mut out));
            Bytes::from(out)
        })
    };
    let issues = state.services.validations.issues(&job, chosen)?.and_then(write);
    Ok(HttpResponse::Ok()
        .content_type(MediaType::of(BodyFormat::Ndjson).content_type())
        .insert_header((CACHE_CONTROL, "private"))
        .streaming(issues))
}

/// Writes what rules suggest, in one transaction.
#[utoipa::path(
    post,
    path = "/api/v1/schemas/{schema}/validations/{id}/apply",
    operation_id = "apply_suggestions",
    tag = "quality",
    params(openapi::InSchema, openapi::OfValidation),
    request_body(content = Option<openapi::ChosenRules>),
    responses((status = 200, description = "What was changed.", body = openapi::AppliedSuggestions))
)]
pub(super) async fn apply(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let chosen = match body::json_if_any(&request, payload, &state).await? {
        None => Chosen { rules: None },
        Some(document) => {
            let read = document.work(|document| Chosen::deserialize(document)).await?;
            read.map_err(|error| body::malformed(&error))?
        }
    };
    let (name, id) = (&path.0, id_of(&path.1)?);
    let validations = &state.services.validations;
    let apply = async |schema: Arc<Schema>| {
        let job = validations.get(&schema, id)?;
        Ok(validations.apply(&schema, &job, chosen.rules.as_deref()).await?)
    };
    let applied = state.with_schema(name, apply).await?;
    let AppliedRules { receipt, changed, elapsed } = applied;
    let rules = changed.iter().map(|(name, changed)| json!({"name": name, "changed": changed}));
    Ok(HttpResponse::Ok().json(json!({
        "changed": receipt.rows,
        "commit_seq": receipt.commit_seq,
        "rules": rules.collect::<Vec<_>>(),
        "elapsed_ms": elapsed.as_secs_f64() * 1e3,
    })))
}

/// The rules of which suggestions are to be written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    rules: Option<Vec<String>>,
}

/// The validation that a path names.
async fn find(state: &ApiState, (name, id): &(String, String)) -> Result<Arc<ValidationJob>, ApiError> {
    let schema = state.schema(name).await?;
    Ok(state.services.validations.get(&schema, id_of(id)?)?)
}

fn id_of(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text)
        .map_err(|_| ApiError::new(ErrorCode::ValidationNotFound, "there is no such validation: its id is a UUID"))
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
        let is_on = |rule: &Rule| rule.fields().iter().any(|field| field.name().eq_ignore_ascii_case(name));
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

/// A validation as it is shown.
fn document_of(job: &ValidationJob) -> Json {
    let ValidationProgress { state, outcomes, ended } = job.progress();
    let rules = job.rules().rules();
    let found = || rules.iter().zip(&outcomes);
    let (mut by_property, mut by_severity) = (BTreeMap::<&str, u64>::new(), Map::new());
    for (rule, outcome) in found() {
        for field in rule.fields() {
            *by_property.entry(field.name()).or_default() += outcome.issues;
        }
    }
    for severity in Severity::ALL {
        let of_severity = found().filter(|(rule, _)| rule.severity() == severity);
        let issues: u64 = of_severity.map(|(_, outcome)| outcome.issues).sum();
        by_severity.insert(severity.as_str().to_owned(), issues.into());
    }
    let (records, commit_seq, is_truncated) = match &state {
        ValidationState::Done(validation) => {
            (Some(validation.records), Some(validation.commit_seq), validation.is_truncated)
        }
        _ => (None, None, false),
    };
    let shown = rules.iter().enumerate().map(|(place, rule)| rule_of(rule, outcomes.get(place)));
    let mut document = json!({
        "id": job.id(),
        "schema": job.schema().name().as_str(),
        "state": state.name(),
        "created_at": job.created_at().to_string(),
        "finished_at": ended.map(|(at, _)| at.to_string()),
        "elapsed_ms": ended.map(|(_, took)| took.as_secs_f64() * 1e3),
        "commit_seq": commit_seq,
        "records": records,
        "progress": {"rules": rules.len(), "done": outcomes.len()},
        "issues": outcomes.iter().map(|outcome| outcome.issues).sum::<u64>(),
        "suggestions": outcomes.iter().map(|outcome| outcome.suggestions).sum::<u64>(),
        "truncated": is_truncated,
        "rules": shown.collect::<Vec<_>>(),
        "by_property": by_property,
        "by_severity": by_severity,
    });
    if let ValidationState::Failed { kind, .. } = state {
        document["failure"] = Error::Store(StoreError::new(kind, "")).code().as_str().into();
    }
    document
}

fn rule_of(rule: &Rule, outcome: Option<&RuleOutcome>) -> Json {
    let properties: Vec<&str> = rule.fields().iter().map(Field::name).collect();
    json!({
        "name": rule.name(),
        "rule": rule.check().kind(),
        "properties": properties,
        "severity": rule.severity().as_str(),
        "category": rule.category().as_str(),
        "issues": outcome.map(|outcome| outcome.issues),
        "suggestions": outcome.map(|outcome| outcome.suggestions),
        "truncated": outcome.map(|outcome| outcome.is_truncated),
        "elapsed_ms": outcome.map(|outcome| outcome.elapsed.as_secs_f64() * 1e3),
    })
}
