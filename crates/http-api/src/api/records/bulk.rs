//! `POST /records/{schema}/bulk`: many records in one call.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::ErrorCode;
use eider_application::ingest::{
    BodyError, BodyFormat, BulkMode, BulkOptions, BulkOutcome, BulkReceipt, ReadOnlyFields, ReadOptions,
};
use eider_application::ports::OnConflict;
use eider_domain::{Schema, Verb};
use futures::{Stream, TryStreamExt};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::openapi;
use crate::error::{ApiError, Violation};
use crate::query_string::{IGNORE, Parameters, RENAME, name_rules, only_name};
use crate::request::access;
use crate::request::body;
use crate::request::conditional;
use crate::request::content_type;
use crate::request::form;
use crate::state::ApiState;
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "they are described, and read one by one")]
pub(super) struct Once {
    /// What the client calls this call: a repeat within 24 hours stores nothing and has the same answer.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]([ -~]*[!-~])?$"
    )]
    idempotency_key: Option<String>,
}

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
pub(super) struct BulkControls {
    /// `atomic`: all records are stored or none; `partial`: the good ones.
    #[param(nullable = false, inline)]
    mode: Option<Mode>,
    /// How a record is handled whose id or unique value is taken.
    #[param(nullable = false, inline)]
    on_conflict: Option<ConflictPolicy>,
    /// `ids`: the receipt lists the ids of what was stored.
    #[param(nullable = false, inline)]
    r#return: Option<Returned>,
    /// Everything is checked and nothing stored.
    #[param(nullable = false)]
    dry_run: Option<bool>,
    /// `from:to`: values under `from` in the body go to the property `to`, or to the record's `id`. A name with a `:` stands in
    /// double quotes, its own doubled. May be given more than once.
    #[param(nullable = false, style = Form, explode)]
    rename: Option<Vec<String>>,
    /// Values under this name in the body are passed over. May be given more than once.
    #[param(nullable = false, style = Form, explode)]
    ignore: Option<Vec<String>>,
    /// A property that is required: the id of a record that gives none is made of its value (a UUID of version 5), so that a repeat meets
    /// the same record. Else it is that of the schema, if it has one.
    #[param(nullable = false, min_length = 1)]
    id_from: Option<String>,
    /// With more refused records nothing is stored.
    #[param(nullable = false, minimum = 0)]
    max_errors: Option<u64>,
    /// `ignore`: fields that the server keeps (`created_at`, `updated_at`, `version`) are passed over. `keep`: new records keep
    /// them; it needs the verb `admin`, and does not go together with `on_conflict=replace`.
    #[param(nullable = false, inline)]
    read_only: Option<ReadOnly>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, and read by its name")]
enum ReadOnly {
    Refuse,
    Ignore,
    Keep,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, and read by its name")]
enum Mode {
    Atomic,
    Partial,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, and read by its name")]
enum ConflictPolicy {
    Error,
    Ignore,
    Replace,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, and read by its name")]
enum Returned {
    None,
    Ids,
}

/// Name of the control that says of which property ids are made.
const ID_FROM: &str = "id_from";
/// Name of the header that calls a call by a name, so that a repeat stores nothing.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest key of that header, in characters.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// The outcome of a bulk call.
#[derive(Serialize, ToSchema)]
pub(super) struct Receipt {
    received: u64,
    created: u64,
    updated: u64,
    ignored: u64,
    failed: u64,
    /// Number of the commit within the schema; null when nothing was stored.
    commit_seq: Option<u64>,
    durability: &'static str,
    /// Present after a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dry_run: Option<bool>,
    replayed: bool,
    elapsed_ms: f64,
    failures_truncated: bool,
    failures: Vec<Violation>,
    /// What accepted records lack that they should have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<WarningCount>,
    /// Names in the body whose values went to properties called otherwise, or to the id: aliases that it had, and all that were
    /// renamed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    renamed: Vec<RenamedName>,
    /// Names in the body whose values were passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored_names: Vec<IgnoredName>,
    /// Where all failures can be read, when they are not all here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, format = "uuid")]
    import_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Vec<String>>)]
    ids: Option<Vec<Uuid>>,
}

/// Accepted records that lack what a property should have.
#[derive(Serialize, ToSchema)]
struct WarningCount {
    property: String,
    code: &'static str,
    records: u64,
}

/// A name in a body whose values went to a property, or to the id.
#[derive(Serialize, ToSchema)]
struct RenamedName {
    from: String,
    to: String,
    /// Records that had it.
    records: u64,
}

/// A name in a body whose values were passed over.
#[derive(Serialize, ToSchema)]
struct IgnoredName {
    name: String,
    /// Records that had it.
    records: u64,
}

impl From<eider_application::ingest::RenamedName> for RenamedName {
    fn from(
        eider_application::ingest::RenamedName { from, to, records }: eider_application::ingest::RenamedName,
    ) -> Self {
        Self { from, to, records }
    }
}

impl From<eider_application::ingest::IgnoredName> for IgnoredName {
    fn from(eider_application::ingest::IgnoredName { name, records }: eider_application::ingest::IgnoredName) -> Self {
        Self { name, records }
    }
}

impl From<BulkReceipt> for Receipt {
    fn from(receipt: BulkReceipt) -> Self {
        let warnings = receipt.warnings.into_iter().map(|warning| WarningCount {
            property: warning.property,
            code: warning.code.name(),
            records: warning.records,
        });
        Self {
            received: receipt.received,
            created: receipt.created,
            updated: receipt.updated,
            ignored: receipt.ignored,
            failed: receipt.failed,
            commit_seq: receipt.commit_seq,
            durability: receipt.durability,
            dry_run: receipt.is_dry_run.then_some(true),
            replayed: receipt.replayed,
            elapsed_ms: receipt.elapsed_ms,
            failures_truncated: receipt.failures_truncated,
            failures: receipt.failures.into_iter().map(Violation::from).collect(),
            warnings: warnings.collect(),
            renamed: receipt.renamed.into_iter().map(RenamedName::from).collect(),
            ignored_names: receipt.ignored_names.into_iter().map(IgnoredName::from).collect(),
            import_id: receipt.import_id,
            ids: receipt.ids,
        }
    }
}

/// The parameters of a bulk call, beside those of reading its body.
pub(super) const CONTROLS: [&str; 9] =
    ["mode", "on_conflict", "return", "dry_run", "max_errors", "read_only", RENAME, IGNORE, ID_FROM];

/// How a bulk call wants to be treated, but for how its body is to be read.
pub(super) fn options(request: &HttpRequest, parameters: &Parameters<'_>) -> Result<BulkOptions, ApiError> {
    conditional::without_tag(request)?;
    let mode = parameters.choice("mode", &[("atomic", BulkMode::Atomic), ("partial", BulkMode::Partial)])?;
    let policies = [("error", OnConflict::Error), ("ignore", OnConflict::Ignore), ("replace", OnConflict::Replace)];
    let max_errors = match parameters.control("max_errors") {
        None => None,
        Some(text) => {
            let number = text.parse().map_err(|_| ApiError::parameter("max_errors", "it takes a whole number"))?;
            Some(number)
        }
    };
    let on_conflict = parameters.choice("on_conflict", &policies)?;
    let read_only =
        [("refuse", ReadOnlyFields::Refuse), ("ignore", ReadOnlyFields::Ignore), ("keep", ReadOnlyFields::Keep)];
    let read_only = parameters.choice("read_only", &read_only)?;
    if read_only == ReadOnlyFields::Keep && on_conflict == OnConflict::Replace {
        let detail = "`keep` is for new records, and does not go together with `on_conflict=replace`";
        return Err(ApiError::parameter("read_only", detail));
    }
    Ok(BulkOptions {
        mode,
        on_conflict,
        reading: ReadOptions::default(),
        returns_ids: parameters.choice("return", &[("none", false), ("ids", true)])?,
        is_dry_run: parameters.choice("dry_run", &[("false", false), ("true", true)])?,
        read_only,
        names: name_rules(parameters)?,
        id_from: parameters.control(ID_FROM).map(|name| only_name(ID_FROM, name)).transpose()?.map(Into::into),
        max_errors,
        idempotency_key: idempotency_key(request)?,
        owner: access::principal(request)?.key_id(),
    })
}

/// What a call does to records.
pub(super) fn verb(options: &BulkOptions) -> Verb {
    match (options.read_only, options.on_conflict) {
        // Who may take everything away may also say when what comes back was made.
        (ReadOnlyFields::Keep, _) => Verb::Admin,
        (_, OnConflict::Replace) => Verb::RecordsWrite,
        _ => Verb::RecordsAppend,
    }
}

/// The key under which a call is kept: that of the header, which each client has for itself.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim().trim_matches('"');
    let is_printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY || !is_printable {
        let detail = format!("`Idempotency-Key` takes 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters");
        return Err(ApiError::new(ErrorCode::MalformedRequest, detail));
    }
    let client = access::principal(request)?.key_id();
    Ok(Some(client.map_or_else(|| key.to_owned(), |client| format!("{client}/{key}"))))
}

/// Stores many records, in one transaction.
#[utoipa::path(
    post,
    path = "/api/v1/records/{schema}/bulk",
    operation_id = "create_records",
    tag = "bulk",
    params(openapi::InSchema, BulkControls, openapi::ReadingOptions, Once),
    request_body(content((Vec<openapi::NewRecord> = "application/json"), (String = "application/x-ndjson"), (String = "application/jsonl"), (String = "text/csv"), (String = "text/tab-separated-values"), (String = "application/vnd.apache.arrow.stream"), (String = "application/vnd.apache.arrow.file"), (String = "application/vnd.apache.parquet"), (openapi::FileForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "The receipt of a dry run.", body = Receipt),
        (status = 201, description = "Every record was stored or passed over.", body = Receipt),
        (status = 207, description = "Some records were refused.", body = Receipt),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let known = content_type::with_reading(&CONTROLS);
    let settings = &state.settings();
    let own = Parameters::parse(request.query_string(), &known, false)?;
    let mut options = options(&request, &own)?;
    access::check(&request, verb(&options), &name)?;
    let schema = state.schema(&name).await?;
    // What a form says is known once its fields were read, which counts as reading the body.
    let reading = if form::is_form(&request) { None } else { Some(content_type::reading(&request, &own)?) };
    let _admitted = state.bulk_calls.admit(body::bulk_need(&request, settings)).await?;
    let mut pieces = body::bulk_pieces(&request, payload, settings.max_bulk_bytes, settings.body_timeouts())?;
    let (format, reading) = if let Some(reading) = reading {
        reading
    } else {
        let form = form::open(&request, pieces).await?;
        let parameters = Parameters::parse(&form.query, &known, false)?;
        options = self::options(&request, &parameters)?;
        access::check(&request, verb(&options), &name)?;
        pieces = form.pieces;
        content_type::reading_of_file(&form.content_type, form.ending.as_deref(), &parameters)?
    };
    options.reading = reading;
    slow::note(&request, Shape::new("bulk", &schema));
    store(&state, &schema, format, options, pieces).await
}

/// Stores a body and answers with its receipt.
pub(super) async fn store(
    state: &ApiState,
    schema: &Arc<Schema>,
    format: BodyFormat,
    options: BulkOptions,
    body: impl Stream<Item = Result<Bytes, BodyError>> + Unpin,
) -> Result<HttpResponse, ApiError> {
    let stored = if options.is_dry_run { StatusCode::OK } else { StatusCode::CREATED };
    let metrics = &state.record_metrics;
    let received = metrics.received_bytes.of(format);
    let body = body.inspect_ok(|piece| {
        received.inc_by(piece.len() as u64);
    });
    let outcome = state.services.ingest.bulk(schema, format, options, body).await?;
    if let BulkOutcome::Stored(receipt) | BulkOutcome::PartlyStored(receipt) | BulkOutcome::Refused(receipt) = &outcome
    {
        metrics.loaded(schema, format, receipt);
    }
    match outcome {
        BulkOutcome::Stored(receipt) => Ok(HttpResponse::build(stored).json(Receipt::from(receipt))),
        BulkOutcome::PartlyStored(receipt) => Ok(HttpResponse::MultiStatus().json(Receipt::from(receipt))),
        BulkOutcome::Replayed { is_partial, receipt } => {
            state.request_metrics.replays.inc();
            let status = if is_partial { StatusCode::MULTI_STATUS } else { StatusCode::CREATED };
            Ok(HttpResponse::build(status).json(receipt))
        }
        BulkOutcome::Refused(receipt) => {
            let detail = format!("{} of {} records were refused; nothing was stored", receipt.failed, receipt.received);
            Err(ApiError::new(ErrorCode::ValidationFailed, detail).with_members(json!(Receipt::from(receipt))))
        }
    }
}
