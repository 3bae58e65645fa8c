//! A validation as it is shown, and the one that a path names.

use std::collections::BTreeMap;
use std::sync::Arc;

use eider_application::ports::{RuleOutcome, StoreError};
use eider_application::quality::ValidationState as State;
use eider_application::quality::{ValidationJob, ValidationProgress};
use eider_application::{Error, ErrorCode};
use eider_domain::Rule;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::rules::RuleKind;
use crate::api::BASE;
use crate::api::schemas::definition::Severity;
use crate::error::ApiError;
use crate::state::ApiState;

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is described, and read from the path")]
pub(super) struct OfValidation {
    /// The id of a validation.
    #[param(format = "uuid")]
    id: String,
}

/// Rules that are or were checked against what is stored.
#[derive(Serialize, ToSchema)]
pub(super) struct Validation {
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    schema: String,
    state: ValidationState,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    elapsed_ms: Option<f64>,
    /// The last commit that was seen.
    commit_seq: Option<u64>,
    /// Records that were looked at.
    records: Option<u64>,
    progress: ValidationSteps,
    /// Values that break a rule, of the rules that were checked so far.
    issues: u64,
    /// Those of them that a rule has a suggestion for.
    suggestions: u64,
    /// Whether there are more issues than can be read; all are counted.
    truncated: bool,
    rules: Vec<CheckedRule>,
    /// Issues by property; a rule on several counts for each.
    #[schema(value_type = Object)]
    by_property: BTreeMap<String, u64>,
    /// Issues by severity.
    #[schema(value_type = Object)]
    by_severity: BySeverity,
    /// The code of the problem that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ValidationState {
    Running,
    Done,
    Failed,
    Cancelled,
}

impl From<&State> for ValidationState {
    fn from(state: &State) -> Self {
        match state {
            State::Running => Self::Running,
            State::Done(_) => Self::Done,
            State::Failed { .. } => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// How many rules there are, and how many were checked.
#[derive(Serialize, ToSchema)]
struct ValidationSteps {
    #[schema(value_type = u64)]
    rules: usize,
    #[schema(value_type = u64)]
    done: usize,
}

#[derive(Default, Serialize)]
struct BySeverity {
    error: u64,
    warning: u64,
}

/// A rule, and what was found of it; null until it was checked.
#[derive(Serialize, ToSchema)]
struct CheckedRule {
    name: String,
    #[schema(value_type = RuleKind)]
    rule: &'static str,
    properties: Vec<String>,
    severity: Severity,
    category: &'static str,
    issues: Option<u64>,
    suggestions: Option<u64>,
    /// Whether there are more issues of it than can be read; null before it is checked.
    truncated: Option<bool>,
    elapsed_ms: Option<f64>,
}

impl From<&ValidationJob> for Validation {
    fn from(job: &ValidationJob) -> Self {
        let ValidationProgress { state, outcomes, ended } = job.progress();
        let rules = job.rules().rules();
        let (mut by_property, mut by_severity) = (BTreeMap::<String, u64>::new(), BySeverity::default());
        for (rule, outcome) in rules.iter().zip(&outcomes) {
            for field in rule.fields() {
                *by_property.entry(field.name().to_owned()).or_default() += outcome.issues;
            }
            match rule.severity() {
                eider_domain::Severity::Error => by_severity.error += outcome.issues,
                eider_domain::Severity::Warning => by_severity.warning += outcome.issues,
            }
        }
        let (done, failure) = match &state {
            State::Running | State::Cancelled => (None, None),
            State::Done(validation) => (Some(validation), None),
            State::Failed { kind, .. } => (None, Some(Error::Store(StoreError::new(*kind, "")).code().name())),
        };
        let shown = rules.iter().enumerate().map(|(place, rule)| CheckedRule::new(rule, outcomes.get(place)));
        Self {
            id: job.id(),
            schema: job.schema().name().to_string(),
            state: (&state).into(),
            created_at: job.created_at().to_string(),
            finished_at: ended.map(|(at, _)| at.to_string()),
            elapsed_ms: ended.map(|(_, took)| took.as_secs_f64() * 1e3),
            commit_seq: done.map(|validation| validation.commit_seq),
            records: done.map(|validation| validation.records),
            progress: ValidationSteps { rules: rules.len(), done: outcomes.len() },
            issues: outcomes.iter().map(|outcome| outcome.issues).sum(),
            suggestions: outcomes.iter().map(|outcome| outcome.suggestions).sum(),
            truncated: done.is_some_and(|validation| validation.is_truncated),
            rules: shown.collect(),
            by_property,
            by_severity,
            failure,
        }
    }
}

impl CheckedRule {
    fn new(rule: &Rule, outcome: Option<&RuleOutcome>) -> Self {
        Self {
            name: rule.name().to_owned(),
            rule: rule.check().kind(),
            properties: rule.fields().iter().map(|field| field.name().to_owned()).collect(),
            severity: Severity(rule.severity().name()),
            category: rule.category().name(),
            issues: outcome.map(|outcome| outcome.issues),
            suggestions: outcome.map(|outcome| outcome.suggestions),
            truncated: outcome.map(|outcome| outcome.is_truncated),
            elapsed_ms: outcome.map(|outcome| outcome.elapsed.as_secs_f64() * 1e3),
        }
    }
}

/// Where a validation is found.
pub(super) fn location(job: &ValidationJob) -> String {
    format!("{BASE}/schemas/{}/validations/{}", job.schema().name(), job.id())
}

/// The validation that a path names.
pub(super) async fn find(state: &ApiState, (name, id): &(String, String)) -> Result<Arc<ValidationJob>, ApiError> {
    let schema = state.schema(name).await?;
    Ok(state.services.validations.get(&schema, id_of(id)?)?)
}

pub(super) fn id_of(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text)
        .map_err(|_| ApiError::new(ErrorCode::ValidationNotFound, "there is no such validation: its id is a UUID"))
}
