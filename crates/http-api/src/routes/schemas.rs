//! `/schemas`.

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::{IdCheck, IdentityStatistics, SchemaDescription};
use eider_domain::{Schema, SchemaName, Verb};
use serde_json::{Value as Json, json};

use super::BASE;
use crate::access;
use crate::body;
use crate::error::ApiError;
use crate::openapi;
use crate::query_string::Parameters;
use crate::state::ApiState;

/// Creates a schema with its table and indexes.
#[utoipa::path(
    post,
    path = "/api/v1/schemas",
    operation_id = "create_schema",
    tag = "schemas",
    request_body(content = openapi::SchemaDefinition),
    responses(
        (status = 201, description = "The schema.", body = openapi::StoredSchema, headers(("Location" = String, description = "Where it is."), ("ETag" = String, description = "The version of the schema."))),
    )
)]
pub(super) async fn create(
    state: web::Data<ApiState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let document = body::json(&request, payload, &state.settings()).await?;
    if let Some(name) = document["name"].as_str() {
        access::check(&request, Verb::SchemasWrite, name)?;
    }
    let schema = state.services.schemas.create(&document).await?;
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
    responses(
        (status = 200, description = "The schemas.", body = openapi::SchemaList),
    )
)]
pub(super) async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let schemas = state.services.schemas.list().await?;
    let reader = access::principal(&request)?;
    let readable = schemas.iter().filter(|schema| reader.may(Verb::SchemasRead, schema.name()));
    let data: Vec<Json> = readable.map(|schema| document_of(schema)).collect();
    Ok(HttpResponse::Ok().json(json!({"data": data})))
}

/// A schema and what it holds.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}",
    operation_id = "describe_schema",
    tag = "schemas",
    params(openapi::InSchema),
    responses(
        (status = 200, description = "The schema.", body = openapi::SchemaDescription, headers(("ETag" = String, description = "The version of the schema."))),
    )
)]
pub(super) async fn describe(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let SchemaDescription { schema, statistics } = state.services.schemas.describe(&parse(&name)?).await?;
    let indexes = statistics.indexes.iter().map(|index| json!({"property": index.property, "unique": index.is_unique}));
    let mut document = document_of(&schema);
    document["record_count"] = statistics.record_count.into();
    document["size_bytes"] = statistics.size_bytes.into();
    document["indexes"] = indexes.collect();
    document["identity"] = identity_of(&statistics.identity);
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(&schema))).json(document))
}

/// Removes a schema with its table and records.
#[utoipa::path(
    delete,
    path = "/api/v1/schemas/{schema}",
    operation_id = "remove_schema",
    tag = "schemas",
    params(openapi::InSchema),
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
    state.services.schemas.remove(&parse(&name)?).await?;
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

fn etag(schema: &Schema) -> String {
    format!("\"{}\"", schema.version())
}
