//! `POST /schemas/infer`: a schema proposed from the first records of a body.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::infer::{Choice as Chosen, InferenceOptions};
use eider_domain::{DataType, DialectOption, SchemaName};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::definition::SchemaDefinition;
use crate::HttpSettings;
use crate::api::openapi::{self, named};
use crate::error::ApiError;
use crate::query_string::{Parameters, only_name};
use crate::request::body;
use crate::request::content_type;
use crate::state::ApiState;

/// Records looked at unless another number is asked for.
const DEFAULT_SAMPLE: u64 = 10_000;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct InferenceControls {
    /// The name of the schema; `records` if not given.
    #[param(nullable = false, pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    name: Option<String>,
    /// Records that are looked at, from the first; 10,000 if not given.
    #[param(nullable = false, minimum = 1)]
    sample: Option<u64>,
    /// The name in the body of what the ids of records are made of.
    #[param(nullable = false)]
    id_from: Option<String>,
    /// Texts that come again and again are all that the schema allows.
    #[param(nullable = false)]
    enums: Option<bool>,
}

/// A record of no schema yet.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "records are read one by one")]
pub(crate) struct AnyRecord(Json);

/// A schema that takes the records of a sample, as far as any does.
#[derive(Serialize, ToSchema)]
pub(crate) struct Proposal {
    #[schema(value_type = SchemaDefinition)]
    schema: Json,
    /// Records that were looked at.
    records: u64,
    /// Whether the body has no others.
    is_whole: bool,
    /// The options that the body was read with, those that were found among them: with them, a bulk call takes it.
    #[schema(value_type = HashMap<String, String>)]
    options: Json,
    /// The same as a query string; empty when a bulk call needs no option.
    query: String,
    evidence: Vec<Evidence>,
}

impl From<eider_application::infer::Proposal> for Proposal {
    fn from(proposal: eider_application::infer::Proposal) -> Self {
        let evidence = proposal.evidence.into_iter().map(Evidence::from).collect();
        let options = proposal.reading.given().into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        Self {
            schema: proposal.schema,
            records: proposal.records,
            is_whole: proposal.is_whole,
            options: Json::Object(options.collect()),
            query: proposal.reading.query(),
            evidence,
        }
    }
}

/// A choice, and the records that break it: with any, it was not made.
#[derive(Serialize, ToSchema)]
struct Evidence {
    /// The property, or `id`; null for whole records.
    property: Option<String>,
    choice: Choice,
    /// Records of the sample that break the choice.
    broken_by: u64,
    /// The lines of the first of them.
    lines: Vec<u64>,
    /// The name in the body, of a property that is renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<String>,
    /// The option of reading that is chosen; its value is the one of `values`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    option: Option<&'static str>,
    /// How sure the choice of an option is, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    confidence: Option<f64>,
    /// The values, of an enumeration, an option, or what says how values are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    detail: String,
}

impl From<eider_application::infer::Evidence> for Evidence {
    fn from(found: eider_application::infer::Evidence) -> Self {
        let eider_application::infer::Evidence {
            property,
            choice,
            broken_by,
            lines,
            detail,
            from,
            values,
            option,
            confidence,
        } = found;
        let choice = Choice(choice.name());
        Self { property, choice, broken_by, lines, from, option, confidence, values, detail }
    }
}

named! {
    /// A type, or what else may be said of a property.
    Choice,
    DataType::NAMES.iter().copied().chain(
        [
            Chosen::Option,
            Chosen::Readable,
            Chosen::Carried,
            Chosen::Renamed,
            Chosen::RecordId,
            Chosen::Converted,
            Chosen::Required,
            Chosen::Unique,
            Chosen::IdFrom,
            Chosen::Enum,
        ]
        .map(Chosen::name)
    ).chain(DialectOption::ALL.iter().map(|option| option.name()))
}

/// Proposes a schema that takes the first records of a body, and says why it is as it is. Nothing is created.
#[utoipa::path(
    post,
    path = "/api/v1/schemas/infer",
    operation_id = "infer_schema",
    tag = "schemas",
    params(InferenceControls, openapi::ReadingOptions),
    request_body(content((Vec<AnyRecord> = "application/json"), (String = "application/x-ndjson"), (String = "application/jsonl"), (String = "text/csv"), (String = "text/tab-separated-values"), (String = "application/vnd.apache.arrow.stream"), (String = "application/vnd.apache.arrow.file"), (String = "application/vnd.apache.parquet"))),
    responses(
        (status = 200, description = "The schema, and the evidence for it.", body = Proposal),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let settings = &state.settings();
    let known = content_type::with_reading(&["enums", "id_from", "name", "sample"]);
    let parameters = Parameters::parse(request.query_string(), &known, false)?;
    let (format, reading) = content_type::reading(&request, &parameters)?;
    let options = InferenceOptions { reading, ..options(&parameters, settings)? };
    let _admitted = state.bulk_calls.admit(body::bulk_need(&request, settings)).await?;
    let pieces = body::bulk_pieces(&request, payload, settings.max_bulk_bytes, settings.body_timeouts())?;
    let proposal = state.services.ingest.infer(format, &options, pieces).await?;
    // What is proposed can be created here.
    state.services.schemas.check_width(proposal.schema["properties"].as_array().map_or(0, Vec::len))?;
    Ok(HttpResponse::Ok().json(Proposal::from(proposal)))
}

fn options(parameters: &Parameters<'_>, settings: &HttpSettings) -> Result<InferenceOptions, ApiError> {
    let name = parameters.control("name").map(SchemaName::parse).transpose();
    let sample = match parameters.control("sample") {
        None => DEFAULT_SAMPLE.min(settings.max_sample),
        Some(text) => {
            let sample = text.parse().ok().filter(|sample| (1..=settings.max_sample).contains(sample));
            let detail = || format!("it takes a whole number from 1 to {}", settings.max_sample);
            sample.ok_or_else(|| ApiError::parameter("sample", detail()))?
        }
    };
    Ok(InferenceOptions {
        name: name.map_err(|error| ApiError::parameter("name", error))?,
        sample: Some(sample),
        id_from: parameters.control("id_from").map(|name| only_name("id_from", name)).transpose()?.map(Into::into),
        sets_enums: parameters.choice("enums", &[("false", false), ("true", true)])?,
        ..InferenceOptions::default()
    })
}
