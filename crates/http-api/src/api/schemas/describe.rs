//! `GET /schemas/{schema}`: a schema and what it holds.

use std::sync::Arc;

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ports::{
    BackupMethod, Durability, IdentityStatistics, Indexes, Reads, SchemaStatistics, StoreCapabilities, Writers,
};
use eider_domain::Schema;
use serde::Serialize;
use utoipa::ToSchema;

use super::stored::{StoredSchema, etag};
use crate::api::openapi;
use crate::api::openapi::named;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::conditional::{IfNoneMatch, is_known};
use crate::state::ApiState;

/// A schema and what it holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct SchemaDescription {
    #[serde(flatten)]
    #[schema(inline)]
    schema: StoredSchema,
    record_count: u64,
    /// On disk, without indexes.
    size_bytes: u64,
    indexes: Vec<Index>,
    identity: Identity,
    capabilities: Capabilities,
}

impl SchemaDescription {
    fn new(schema: &Schema, statistics: &SchemaStatistics, capabilities: StoreCapabilities) -> Self {
        let indexes = statistics.indexes.iter().map(|index| Index {
            properties: index.fields.iter().map(|field| field.name().to_owned()).collect(),
            unique: index.is_unique,
        });
        Self {
            schema: schema.into(),
            record_count: statistics.record_count,
            size_bytes: statistics.size_bytes,
            indexes: indexes.collect(),
            identity: (&statistics.identity).into(),
            capabilities: capabilities.into(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Index {
    /// One, or those of a key of several.
    properties: Vec<String>,
    unique: bool,
}

/// How ids are made and kept unique.
#[derive(Serialize, ToSchema)]
struct Identity {
    id_type: &'static str,
    index: &'static str,
    generated_ids: IdentityCheck,
    given_ids: IdentityCheck,
    filter_bytes: u64,
}

impl From<&IdentityStatistics> for Identity {
    fn from(identity: &IdentityStatistics) -> Self {
        Self {
            id_type: "uuidv7",
            index: if identity.has_index { "unique" } else { "none" },
            generated_ids: IdentityCheck(identity.generated_ids),
            given_ids: IdentityCheck(identity.given_ids),
            filter_bytes: identity.filter_bytes,
        }
    }
}

named! {
    IdentityCheck, ["by_construction", "scan", "filter_then_scan"]
}

/// What the store behind the server promises.
#[derive(Serialize, ToSchema)]
struct Capabilities {
    durability: CapabilityDurability,
    /// Whether unique properties and keys are enforced; a schema with one is refused otherwise.
    has_unique_keys: bool,
    indexes: CapabilityIndexes,
    writers: CapabilityWriters,
    reads: CapabilityReads,
    backup: CapabilityBackup,
    /// Whether a later call can read a snapshot again.
    keeps_snapshots: bool,
}

impl From<StoreCapabilities> for Capabilities {
    fn from(capabilities: StoreCapabilities) -> Self {
        Self {
            durability: CapabilityDurability(capabilities.durability.name()),
            has_unique_keys: capabilities.has_unique_keys,
            indexes: CapabilityIndexes(capabilities.indexes.name()),
            writers: CapabilityWriters(capabilities.writers.name()),
            reads: CapabilityReads(capabilities.reads.name()),
            backup: CapabilityBackup(capabilities.backup.name()),
            keeps_snapshots: capabilities.keeps_snapshots,
        }
    }
}

named! {
    /// What outlives a crash once a commit is acknowledged.
    CapabilityDurability, Durability::ALL.iter().map(|value| value.name())
}

named! {
    /// How declared indexes serve reads.
    CapabilityIndexes, Indexes::ALL.iter().map(|value| value.name())
}

named! {
    /// Who may write.
    CapabilityWriters, Writers::ALL.iter().map(|value| value.name())
}

named! {
    /// Who answers a read.
    CapabilityReads, Reads::ALL.iter().map(|value| value.name())
}

named! {
    /// How backups are taken.
    CapabilityBackup, BackupMethod::ALL.iter().map(|value| value.name())
}

/// A schema and what it holds.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}",
    operation_id = "describe_schema",
    tag = "schemas",
    params(openapi::InSchema, IfNoneMatch),
    responses(
        (status = 200, description = "The schema.", body = SchemaDescription, headers(("ETag" = String, description = "The tag of the schema as it is now."))),
        openapi::NotModified,
    )
)]
pub(crate) async fn handle(
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
    let description = SchemaDescription::new(&schema, &statistics, state.services.schemas.capabilities());
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(&schema))).json(description))
}
