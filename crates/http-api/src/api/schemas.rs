//! `/schemas`.

use std::sync::Arc;

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::{IdCheck, IdentityStatistics, SchemaVersion, schema_tag};
use eider_domain::{Field, Schema, SchemaName, Verb};
use serde_json::{Value as Json, json};

use super::BASE;
use crate::access;
use crate::body;
use crate::conditional::{self, is_known};
use crate::error::ApiError;
use crate::openapi;
use crate::query_string::Parameters;
use crate::state::{ApiState, within};

/// The control that asks for what the schemas of a list hold.
const STATISTICS: &str = "statistics";

/// Creates a schema with its table and indexes.
#[utoipa::path(
    post,
    path = "/api/v1/schemas",
    operation_id = "create_schema",
    tag = "schemas",
    request_body(content = openapi::SchemaDefinition),
    responses(
        (status = 201, description = "The schema.", body = openapi::StoredSchema, headers(("Location" = String, description = "Where it is."), ("ETag" = String, description = "The tag of the schema as it is now."))),
    )
)]
pub(super) async fn create(
    state: web::Data<ApiState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let (document, _held) = body::json(&request, payload, &state).await?.into_parts();
    if let Some(name) = document["name"].as_str() {
        access::check(&request, Verb::SchemasWrite, name)?;
    }
    let schema = state.services.schemas.create(document).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("{BASE}/schemas/{}", schema.name())))
        .insert_header((ETAG, etag(&schema)))
        .json(document_of(&schema)))
}

/// Every schema, ordered by name.
#[utoipa::path(
    get,
    path = "/api/v1/schemas",
    operation_id = "list_schemas",
    tag = "schemas",
    params(openapi::Counted),
    responses(
        (status = 200, description = "The schemas.", body = openapi::SchemaList),
    )
)]
pub(super) async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &[STATISTICS], false)?;
    let is_counted = parameters.choice(STATISTICS, &[("false", false), ("true", true)])?;
    let reader = access::principal(&request)?;
    let mut schemas = state.services.schemas.list().await?;
    schemas.retain(|schema| reader.may(Verb::SchemasRead, schema.name()));
    let data: Vec<Json> = if is_counted {
        let counts = state.services.schemas.record_counts(&schemas);
        let counts = within(state.settings().query_timeout, counts).await?;
        // A schema without a count was removed meanwhile.
        let counted = schemas.iter().zip(counts).filter_map(|(schema, count)| Some((document_of(schema), count?)));
        counted.map(|(document, count)| with_count(document, count)).collect()
    } else {
        schemas.iter().map(|schema| document_of(schema)).collect()
    };
    Ok(HttpResponse::Ok().json(json!({"data": data})))
}

/// A schema and what it holds.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}",
    operation_id = "describe_schema",
    tag = "schemas",
    params(openapi::InSchema, openapi::IfNoneMatch),
    responses(
        (status = 200, description = "The schema.", body = openapi::SchemaDescription, headers(("ETag" = String, description = "The tag of the schema as it is now."))),
        openapi::NotModified,
    )
)]
pub(super) async fn describe(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let describe = async |schema: Arc<Schema>| {
        // What it holds changes with every commit, and the tag does not: a client that knows the schema is told that it is
        // the same.
        let is_known = is_known(&request, &etag(&schema))?;
        let statistics = if is_known { None } else { Some(state.services.schemas.statistics(&schema).await?) };
        Ok((schema, statistics))
    };
    let (schema, statistics) = state.with_schema(&name, describe).await?;
    let Some(statistics) = statistics else {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag(&schema))).finish());
    };
    let indexes = statistics.indexes.iter().map(|index| {
        let properties: Vec<&str> = index.fields.iter().map(Field::name).collect();
        json!({"properties": properties, "unique": index.is_unique})
    });
    let mut document = with_count(document_of(&schema), statistics.record_count);
    document["size_bytes"] = statistics.size_bytes.into();
    document["indexes"] = indexes.collect();
    document["identity"] = identity_of(&statistics.identity);
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(&schema))).json(document))
}

/// Changes a schema with its table and indexes.
#[utoipa::path(
    patch,
    path = "/api/v1/schemas/{schema}",
    operation_id = "evolve_schema",
    tag = "schemas",
    params(openapi::InSchema, openapi::IfMatch, openapi::UnlessMatch, openapi::Trial),
    request_body(content = openapi::SchemaChange),
    responses(
        (status = 200, description = "The schema as it is now, or after a dry run as it would be.", body = openapi::EvolvedSchema, headers(("ETag" = String, description = "The tag of the schema as it is now; not of a dry run."))),
    )
)]
pub(super) async fn evolve(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["dry_run"], false)?;
    let is_dry_run = parameters.choice("dry_run", &[("false", false), ("true", true)])?;
    let preconditions = conditional::preconditions(&request)?;
    let name = parse(&name)?;
    let (document, _held) = body::json(&request, payload, &state).await?.into_parts();
    let schema = state.services.schemas.evolve(&name, document, &preconditions, is_dry_run).await?;
    let mut document = document_of(&schema);
    document["dry_run"] = is_dry_run.into();
    let mut response = HttpResponse::Ok();
    if !is_dry_run {
        response.insert_header((ETAG, etag(&schema)));
    }
    Ok(response.json(document))
}

/// Every version that a schema has had, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/versions",
    operation_id = "schema_versions",
    tag = "schemas",
    params(openapi::InSchema),
    responses(
        (status = 200, description = "The versions.", body = openapi::SchemaVersions),
    )
)]
pub(super) async fn versions(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let versions = state.services.schemas.versions(&parse(&name)?).await?;
    let document_of = |version: &SchemaVersion| {
        let mut document = version.definition.to_json();
        document["version"] = version.version.into();
        document["since"] = version.since.to_string().into();
        document
    };
    let data: Vec<Json> = versions.iter().map(document_of).collect();
    Ok(HttpResponse::Ok().json(json!({"data": data})))
}

/// Removes a schema with its table and records.
#[utoipa::path(
    delete,
    path = "/api/v1/schemas/{schema}",
    operation_id = "remove_schema",
    tag = "schemas",
    params(openapi::InSchema, openapi::IfMatch, openapi::UnlessMatch),
    responses(
        (status = 204, description = "It is gone."),
    )
)]
pub(super) async fn remove(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let preconditions = conditional::preconditions(&request)?;
    let name = parse(&name)?;
    state.services.schemas.remove(&name, &preconditions).await?;
    state.record_metrics.forget(&name);
    Ok(HttpResponse::NoContent().finish())
}

fn parse(name: &str) -> Result<SchemaName, ApiError> {
    SchemaName::parse(name).map_err(|error| ApiError::not_a_schema(&error))
}

/// How ids are made and kept unique.
fn identity_of(identity: &IdentityStatistics) -> Json {
    let name_of = |check| match check {
        IdCheck::ByConstruction => "by_construction",
        IdCheck::Scan => "scan",
        IdCheck::FilterThenScan => "filter_then_scan",
    };
    json!({
        "id_type": "uuidv7",
        "index": if identity.has_index { "unique" } else { "none" },
        "generated_ids": name_of(identity.generated_ids),
        "given_ids": name_of(identity.given_ids),
        "filter_bytes": identity.filter_bytes,
    })
}

fn document_of(schema: &Schema) -> Json {
    let mut document = schema.definition().to_json();
    document["version"] = schema.version().into();
    document["created_at"] = schema.created_at().to_string().into();
    document
}

fn with_count(mut document: Json, record_count: u64) -> Json {
    document["record_count"] = record_count.into();
    document
}

fn etag(schema: &Schema) -> String {
    format!("\"{}\"", schema_tag(schema))
}
