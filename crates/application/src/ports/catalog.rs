//! The port to the schemas.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use eider_domain::{Index, Schema, SchemaName};

use crate::ports::StoreError;

/// Keeps schemas.
///
/// ```
/// use eider_application::ports::{SchemaCatalog, StoreErrorKind};
/// use eider_domain::SchemaName;
/// use eider_testkit::{MemoryStore, schema};
/// use serde_json::json;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let flights = || schema(json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]}));
/// store.create(flights()).await?;
/// let name = SchemaName::parse("FLIGHTS").expect("a name");
/// assert_eq!(store.get(&name).await?.name().as_str(), "flights");
/// assert_eq!(store.create(flights()).await.expect_err("it exists").kind(), StoreErrorKind::Conflict);
/// # Ok::<(), eider_application::ports::StoreError>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait SchemaCatalog: fmt::Debug + Send + Sync + 'static {
    /// Stores a schema and makes its table and indexes: all or nothing.
    ///
    /// # Errors
    /// `Conflict` when a schema has the name, in any case.
    async fn create(&self, schema: Schema) -> Result<Arc<Schema>, StoreError>;

    /// The schema of a name, in any case.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get(&self, name: &SchemaName) -> Result<Arc<Schema>, StoreError>;

    /// Every schema, ordered by name.
    ///
    /// # Errors
    /// Those of the engine.
    async fn list(&self) -> Result<Vec<Arc<Schema>>, StoreError>;

    /// Removes a schema with its table, indexes and records: all or nothing. Scans that run keep their snapshot. With
    /// `expected` exactly this version of it, as [`SchemaCatalog::get`] gave it.
    ///
    /// # Errors
    /// `NotFound`; `SchemaChanged` when it is another version than `expected` by now.
    async fn remove(&self, name: &SchemaName, expected: Option<&Arc<Schema>>) -> Result<(), StoreError>;
}

/// What a schema holds, as its store counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatistics {
    /// Records visible now.
    pub record_count: u64,
    /// Bytes that the records take on disk, without indexes; what was written lately may be missing.
    pub size_bytes: u64,
    /// The indexes that exist, in the order in which the schema asks for them.
    pub indexes: Vec<Index>,
    /// How ids are kept unique.
    pub identity: IdentityStatistics,
}

/// How the ids of a schema's records are kept unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityStatistics {
    /// Whether there is an index on the ids.
    pub has_index: bool,
    /// How an id that the server made is checked, in the store's word for it: `by_construction`, `scan`.
    pub generated_ids: &'static str,
    /// How an id that a client gave is checked, in the store's word for it: `scan`.
    pub given_ids: &'static str,
    /// Bytes of memory that the checks take now.
    pub filter_bytes: u64,
}

impl IdentityStatistics {
    /// Every id is looked for among those that are stored.
    pub const SCANNED: Self = Self { has_index: false, generated_ids: "scan", given_ids: "scan", filter_bytes: 0 };
}
