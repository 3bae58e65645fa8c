//! Use cases on schemas.

use std::sync::Arc;

use eider_domain::{Schema, SchemaDefinition, SchemaName};
use serde_json::Value as Json;
use tracing::instrument;

use crate::timings::{Stage, timed};
use crate::{Clock, Error, RecordStore, SchemaCatalog, SchemaStatistics, StoreError, StoreErrorKind};

/// A schema and what it holds.
#[derive(Debug, Clone)]
pub struct SchemaDescription {
    /// The schema.
    pub schema: Arc<Schema>,
    /// What it holds.
    pub statistics: SchemaStatistics,
}

/// Defines, shows and removes schemas.
#[derive(Debug, Clone)]
pub struct SchemaService {
    catalog: Arc<dyn SchemaCatalog>,
    store: Arc<dyn RecordStore>,
    clock: Arc<dyn Clock>,
}

impl SchemaService {
    /// A service over a catalog and the store that belongs to it.
    pub fn new(catalog: Arc<dyn SchemaCatalog>, store: Arc<dyn RecordStore>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, store, clock }
    }

    /// Creates a schema, its table and its indexes from a definition.
    ///
    /// # Errors
    /// [`Error::SchemaInvalid`] with every violation, [`Error::SchemaExists`], [`Error::Store`].
    #[instrument(name = "schemas.create", level = "debug", skip_all)]
    pub async fn create(&self, document: &Json) -> Result<Arc<Schema>, Error> {
        let definition = SchemaDefinition::parse(document).map_err(Error::SchemaInvalid)?;
        let name = definition.name().clone();
        let schema = Schema::new(definition, 1, self.clock.now());
        timed(Stage::Store, self.catalog.create(schema)).await.map_err(|error| match error.kind() {
            StoreErrorKind::Conflict => Error::SchemaExists { name },
            _ => error.into(),
        })
    }

    /// The schema of a name.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::Store`].
    pub async fn get(&self, name: &SchemaName) -> Result<Arc<Schema>, Error> {
        self.catalog.get(name).await.map_err(|error| not_found(error, name))
    }

    /// A schema with its record count, size and indexes.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::Store`].
    #[instrument(name = "schemas.describe", level = "debug", skip_all, fields(schema.name = %name))]
    pub async fn describe(&self, name: &SchemaName) -> Result<SchemaDescription, Error> {
        let schema = self.get(name).await?;
        let statistics =
            timed(Stage::Store, self.store.statistics(&schema)).await.map_err(|error| not_found(error, name))?;
        Ok(SchemaDescription { schema, statistics })
    }

    /// Every schema, ordered by name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self) -> Result<Vec<Arc<Schema>>, Error> {
        Ok(self.catalog.list().await?)
    }

    /// Removes a schema with its table and records.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::Store`].
    #[instrument(name = "schemas.remove", level = "debug", skip_all, fields(schema.name = %name))]
    pub async fn remove(&self, name: &SchemaName) -> Result<(), Error> {
        timed(Stage::Store, self.catalog.remove(name)).await.map_err(|error| not_found(error, name))
    }
}

fn not_found(error: StoreError, name: &SchemaName) -> Error {
    match error.kind() {
        StoreErrorKind::NotFound => Error::SchemaNotFound { name: name.clone() },
        _ => error.into(),
    }
}
