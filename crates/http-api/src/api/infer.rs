//! `POST /schemas/infer`: a schema proposed from the first records of a body.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::{Evidence, InferenceOptions, Proposal};
use eider_domain::SchemaName;
use serde_json::{Map, Value as Json, json};

use crate::HttpSettings;
use crate::body;
use crate::error::ApiError;
use crate::openapi;
use crate::query_string::Parameters;
use crate::state::ApiState;

/// Proposes a schema that takes the first records of a body, and says why it is as it is. Nothing is created.
#[utoipa::path(
    post,
    path = "/api/v1/schemas/infer",
    operation_id = "infer_schema",
    tag = "schemas",
    params(openapi::InferenceControls),
    request_body(content((Vec<openapi::AnyRecord> = "application/json"), (String = "application/x-ndjson"), (String = "application/jsonl"), (String = "text/csv"), (String = "application/vnd.apache.arrow.stream"), (String = "application/vnd.apache.parquet"))),
    responses(
        (status = 200, description = "The schema, and the evidence for it.", body = openapi::Proposal),
    )
)]
pub(super) async fn infer(
    state: web::Data<ApiState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let settings = &state.settings();
    let options = options(&Parameters::parse(request.query_string(), &["enums", "name", "sample"], false)?, settings)?;
    let format = body::bulk_format(&request)?;
    let _admitted = state.bulk_calls.admit(body::bulk_need(&request, settings)).await?;
    let pieces = body::bulk_pieces(&request, payload, settings.max_bulk_bytes, settings.patience())?;
    let proposal = state.services.ingest.infer(format, &options, pieces).await?;
    Ok(HttpResponse::Ok().json(document(&proposal)))
}

fn options(parameters: &Parameters<'_>, settings: &HttpSettings) -> Result<InferenceOptions, ApiError> {
    let name = parameters.control("name").map(SchemaName::parse).transpose();
    let sample = match parameters.control("sample") {
        None => InferenceOptions::default().sample.min(settings.max_sample),
        Some(text) => {
            let sample = text.parse().ok().filter(|sample| (1..=settings.max_sample).contains(sample));
            let detail = || format!("it takes a whole number from 1 to {}", settings.max_sample);
            sample.ok_or_else(|| ApiError::parameter("sample", detail()))?
        }
    };
    Ok(InferenceOptions {
        name: name.map_err(|error| ApiError::parameter("name", error))?,
        sample,
        sets_enums: parameters.choice("enums", &[("false", false), ("true", true)])?,
    })
}

fn document(proposal: &Proposal) -> Json {
    let evidence: Vec<Json> = proposal.evidence.iter().map(evidence_document).collect();
    json!({"schema": proposal.schema, "records": proposal.records, "evidence": evidence})
}

fn evidence_document(found: &Evidence) -> Json {
    let mut document = Map::new();
    document.insert("property".into(), found.property.as_deref().into());
    document.insert("choice".into(), found.choice.as_str().into());
    document.insert("broken_by".into(), found.broken_by.into());
    document.insert("lines".into(), found.lines.as_slice().into());
    if let Some(from) = &found.from {
        document.insert("from".into(), from.as_str().into());
    }
    if !found.values.is_empty() {
        document.insert("values".into(), found.values.as_slice().into());
    }
    document.insert("detail".into(), found.detail.as_str().into());
    Json::Object(document)
}
