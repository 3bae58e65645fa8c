//! Use cases on schemas.

use std::sync::Arc;

use eider_domain::{Evolution, Schema, SchemaDefinition, SchemaName, Violation, ViolationCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tracing::instrument;

use crate::Error;
use crate::ports::{
    Clock, EvolutionOutcome, EvolutionRequest, SchemaStatistics, SchemaVersion, Store, StoreCapabilities, StoreError,
    StoreErrorKind, offered,
};
use crate::records::{Preconditions, schema_tag};
use crate::runtime::blocking;
use crate::runtime::timings::{Stage, timed};

/// How often a change of a schema is tried while others come first.
const ATTEMPTS: usize = 16;

/// What a schema may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SchemaLimits {
    /// Most properties of a schema that is made, or that gains some. From 1 to 10,000. A schema that has more stays.
    #[serde(rename = "limits.properties")]
    pub max_properties: usize,
}

impl Default for SchemaLimits {
    fn default() -> Self {
        Self { max_properties: 2_000 }
    }
}

/// Defines, shows and removes schemas.
#[derive(Debug, Clone)]
pub struct SchemaService {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    limits: SchemaLimits,
}

impl SchemaService {
    /// A service over a store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, limits: SchemaLimits::default() }
    }

    /// The same service with other limits.
    #[must_use]
    pub fn with_limits(self, limits: SchemaLimits) -> Self {
        Self { limits, ..self }
    }

    /// Refuses more properties than the limit. Without it, a wide schema would make every record of it dear.
    ///
    /// # Errors
    /// [`Error::SchemaInvalid`].
    pub fn check_width(&self, properties: usize) -> Result<(), Error> {
        let most = self.limits.max_properties;
        if properties <= most {
            return Ok(());
        }
        let detail = format!(
            "a schema of this server has at most {most} properties (`limits.properties`), this one has {properties}"
        );
        Err(Error::SchemaInvalid(vec![Violation::new("/properties", ViolationCode::WrongCount, detail)]))
    }

    /// Creates a schema, its table and its indexes from a definition.
    ///
    /// # Errors
    /// [`Error::SchemaInvalid`] with every violation, [`Error::SchemaExists`], [`Error::Store`].
    #[instrument(name = "schemas.create", level = "debug", skip_all)]
    pub async fn create(&self, document: Json) -> Result<Arc<Schema>, Error> {
        // A few characters of a pattern may take long to compile.
        let definition = blocking::run(move || SchemaDefinition::parse(&document)).await?;
        let definition = definition.map_err(Error::SchemaInvalid)?;
        let name = definition.name().clone();
        self.check_width(definition.properties().len())?;
        self.check_keys(|| definition.unsupported_keys())?;
        let schema = Schema::new(definition, 1, self.clock.now());
        timed(Stage::Store, self.store.create(schema)).await.map_err(|error| match error.kind() {
            StoreErrorKind::Conflict => Error::SchemaExists { name },
            _ => error.into(),
        })
    }

    /// The schema of a name.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::Store`].
    pub async fn get(&self, name: &SchemaName) -> Result<Arc<Schema>, Error> {
        self.store.get(name).await.map_err(|error| not_found(error, name))
    }

    /// The record count, size and indexes of a schema.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::Store`].
    #[instrument(name = "schemas.statistics", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, Error> {
        timed(Stage::Store, self.store.statistics(schema)).await.map_err(|error| not_found(error, schema.name()))
    }

    /// How many records each of some schemas has, in their order; `None` of one that was removed meanwhile.
    ///
    /// # Errors
    /// [`Error::Store`].
    #[instrument(name = "schemas.record_counts", level = "debug", skip_all)]
    pub async fn record_counts(&self, schemas: &[Arc<Schema>]) -> Result<Vec<Option<u64>>, Error> {
        Ok(timed(Stage::Store, self.store.record_counts(schemas)).await?)
    }

    /// Changes a schema, or with `is_dry_run` only finds out whether it could be changed. The outcome is the schema
    /// as it is then, or would be. `preconditions` are asked of the schema as it was before.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::StaleSchema`], [`Error::SchemaInvalid`] with every violation of `document`,
    /// [`Error::SchemaContradicted`], [`Error::Store`].
    #[instrument(name = "schemas.evolve", level = "debug", skip_all, fields(schema.name = %name))]
    pub async fn evolve(
        &self,
        name: &SchemaName,
        document: Json,
        preconditions: &Preconditions,
        is_dry_run: bool,
    ) -> Result<Arc<Schema>, Error> {
        let document = Arc::new(document);
        let changes = offered(self.store.evolution(), "changes of schemas")?;
        // Another change may come first, and this one is then made of what it left.
        for _ in 0..ATTEMPTS {
            let schema = self.get(name).await?;
            if !preconditions.allow(|| schema_tag(&schema)) {
                return Err(Error::StaleSchema { version: schema.version() });
            }
            let (current, document) = (Arc::clone(&schema), Arc::clone(&document));
            let evolution = blocking::run(move || Evolution::parse(current.definition(), &document)).await?;
            let evolution = evolution.map_err(Error::SchemaInvalid)?;
            if evolution.is_nothing(schema.definition()) {
                return Ok(schema);
            }
            let properties = evolution.next().properties().len();
            if properties > schema.properties().len() {
                self.check_width(properties)?;
            }
            self.check_keys(|| evolution.unsupported_keys())?;
            let next = schema.evolved(&evolution);
            let request = EvolutionRequest { schema: Arc::clone(&schema), evolution, at: self.clock.now(), is_dry_run };
            match timed(Stage::Store, changes.evolve(request)).await {
                Ok(EvolutionOutcome::Evolved(schema)) => return Ok(schema),
                Ok(EvolutionOutcome::Possible) => {
                    return Ok(Arc::new(next));
                }
                Ok(EvolutionOutcome::Contradicted(found)) => return Err(Error::SchemaContradicted(found)),
                Err(error) if error.kind() == StoreErrorKind::SchemaChanged => {}
                Err(error) => return Err(not_found(error, name)),
            }
        }
        Err(StoreError::new(StoreErrorKind::SchemaChanged, "the schema is changed all the time").into())
    }

    /// What the store promises.
    pub fn capabilities(&self) -> StoreCapabilities {
        self.store.capabilities()
    }

    /// Refuses unique keys that the store would not keep: without this, values would come twice in silence.
    fn check_keys(&self, unsupported: impl FnOnce() -> Vec<Violation>) -> Result<(), Error> {
        if self.capabilities().has_unique_keys {
            return Ok(());
        }
        let violations = unsupported();
        if violations.is_empty() { Ok(()) } else { Err(Error::SchemaInvalid(violations)) }
    }

    /// Every version of a schema, the oldest first.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::Store`].
    pub async fn versions(&self, name: &SchemaName) -> Result<Vec<SchemaVersion>, Error> {
        let Some(evolution) = self.store.evolution() else {
            let schema = self.get(name).await?;
            let (definition, since) = (schema.definition().clone(), schema.created_at());
            return Ok(vec![SchemaVersion { version: schema.version(), definition, since }]);
        };
        timed(Stage::Store, evolution.versions(name)).await.map_err(|error| not_found(error, name))
    }

    /// Every schema, ordered by name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self) -> Result<Vec<Arc<Schema>>, Error> {
        Ok(self.store.list().await?)
    }

    /// Removes a schema with its table and records, if it is as the preconditions say.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::StaleSchema`], [`Error::Store`].
    #[instrument(name = "schemas.remove", level = "debug", skip_all, fields(schema.name = %name))]
    pub async fn remove(&self, name: &SchemaName, preconditions: &Preconditions) -> Result<(), Error> {
        loop {
            let schema = self.get(name).await?;
            if !preconditions.allow(|| schema_tag(&schema)) {
                return Err(Error::StaleSchema { version: schema.version() });
            }
            let expected = if preconditions.ask_nothing() { None } else { Some(&schema) };
            match timed(Stage::Store, self.store.remove(name, expected)).await {
                // It is another version by now, which the preconditions may allow.
                Err(error) if error.kind() == StoreErrorKind::SchemaChanged => {}
                removed => return removed.map_err(|error| not_found(error, name)),
            }
        }
    }
}

fn not_found(error: StoreError, name: &SchemaName) -> Error {
    match error.kind() {
        StoreErrorKind::NotFound => Error::SchemaNotFound { name: name.clone() },
        _ => error.into(),
    }
}
