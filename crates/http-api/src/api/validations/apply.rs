//! `POST /schemas/{schema}/validations/{id}/apply`.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::quality::AppliedRules;
use eider_domain::Schema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::validation::{OfValidation, id_of};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::body;
use crate::state::ApiState;

/// The rules whose suggestions are to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChosenRules {
    /// Their names; without them all that have suggestions.
    rules: Option<Vec<String>>,
}

/// The outcome of writing suggestions.
#[derive(Serialize, ToSchema)]
struct AppliedSuggestions {
    /// Records that were changed.
    changed: u64,
    commit_seq: u64,
    rules: Vec<AppliedRule>,
    elapsed_ms: f64,
}

/// A rule whose suggestions were written.
#[derive(Serialize, ToSchema)]
struct AppliedRule {
    name: String,
    /// Records that it changed.
    changed: u64,
}

impl From<AppliedRules> for AppliedSuggestions {
    fn from(applied: AppliedRules) -> Self {
        let AppliedRules { receipt, changed, elapsed } = applied;
        let rules = changed.into_iter().map(|(name, changed)| AppliedRule { name, changed });
        Self {
            changed: receipt.rows,
            commit_seq: receipt.commit_seq,
            rules: rules.collect(),
            elapsed_ms: elapsed.as_secs_f64() * 1e3,
        }
    }
}

/// Writes what rules suggest, in one transaction.
#[utoipa::path(
    post,
    path = "/api/v1/schemas/{schema}/validations/{id}/apply",
    operation_id = "apply_suggestions",
    tag = "quality",
    params(openapi::InSchema, OfValidation),
    request_body(content = Option<ChosenRules>),
    responses((status = 200, description = "What was changed.", body = AppliedSuggestions))
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let chosen = match body::json_if_any(&request, payload, &state).await? {
        None => ChosenRules { rules: None },
        Some(document) => {
            let read = document.work(|document| ChosenRules::deserialize(document)).await?;
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
    Ok(HttpResponse::Ok().json(AppliedSuggestions::from(applied)))
}
