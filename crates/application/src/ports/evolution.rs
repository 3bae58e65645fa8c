//! The port that changes schemas in place.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use eider_domain::{
    Evolution, Field, NewKey, PropertyName, RecordId, Schema, SchemaDefinition, SchemaName, Timestamp, ViolationCode,
};

use crate::ports::StoreError;

/// A change of a schema, its table and its indexes.
#[derive(Debug, Clone)]
pub struct EvolutionRequest {
    /// The schema as the caller knows it.
    pub schema: Arc<Schema>,
    /// The change.
    pub evolution: Evolution,
    /// When it was asked for.
    pub at: Timestamp,
    /// Everything is checked and nothing is changed.
    pub is_dry_run: bool,
}

/// How a change of a schema ended.
#[derive(Debug, Clone)]
pub enum EvolutionOutcome {
    /// The schema is this one now.
    Evolved(Arc<Schema>),
    /// Nothing keeps the schema from the change, which was only tried.
    Possible,
    /// Stored records contradict it, and nothing was changed.
    Contradicted(Vec<ExistingDataViolation>),
}

/// Stored records that violate what a change asks of them: an existing-data violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingDataViolation {
    /// The property of the next definition, or those of a key of several.
    pub properties: Vec<PropertyName>,
    /// What the records do not fulfil.
    pub code: ViolationCode,
    /// How many records.
    pub records: u64,
    /// Some of them, at most [`EXISTING_VIOLATION_SAMPLE`].
    pub sample: Vec<RecordId>,
}

impl ExistingDataViolation {
    /// Records that share a key which they may not share.
    pub fn of_key(key: &NewKey, records: u64, sample: Vec<RecordId>) -> Self {
        let names = key.fields.iter().filter_map(|field| match field {
            Field::Property { name, .. } => Some(name.clone()),
            Field::System(_) | Field::Computed { .. } => None,
        });
        Self { properties: names.collect(), code: ViolationCode::UniqueViolation, records, sample }
    }
}

/// Most records that a [`ExistingDataViolation`] names.
pub const EXISTING_VIOLATION_SAMPLE: usize = 10;

/// A schema as it was from a time on.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaVersion {
    /// Its number, from 1.
    pub version: u32,
    /// What it said.
    pub definition: SchemaDefinition,
    /// When it came into force.
    pub since: Timestamp,
}

/// Changes schemas in place, together with the records that they have.
#[async_trait]
pub trait SchemaEvolution: fmt::Debug + Send + Sync + 'static {
    /// Changes a schema, its table and its indexes: all or nothing. Scans that run keep their snapshot and their
    /// schema.
    ///
    /// Writes to the schema wait meanwhile. Goes on when the caller goes away.
    ///
    /// # Errors
    /// `NotFound`; `SchemaChanged` when the schema is of another version by now; `Unavailable` with the budget
    /// `writer`.
    async fn evolve(&self, request: EvolutionRequest) -> Result<EvolutionOutcome, StoreError>;

    /// Every version of a schema, the oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    async fn versions(&self, name: &SchemaName) -> Result<Vec<SchemaVersion>, StoreError>;
}
