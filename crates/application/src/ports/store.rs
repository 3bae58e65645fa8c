//! The port to a store: the roles that every store has, and those that a store may have.

use async_trait::async_trait;

use crate::ports::{
    Aggregator, BackupSource, CommitLog, Explainer, IdempotencyRecords, Profiler, RecordReader, RecordWriter,
    RuleChecker, SchemaCatalog, SchemaEvolution, StoreCapabilities, StoreError, StoreErrorKind, StoreMetrics,
};

/// A store of records.
///
/// One adapter object has all roles, so that a schema and its records change in one transaction. What every store does
/// are the traits above this one; `eider_testkit`'s contract asks for it in the group `core`. What a store may do
/// stands behind a method that returns `None` unless the store says otherwise; each has a group of the contract too.
///
/// A use case that needs a role which the store does not have fails with [`StoreErrorKind::Unsupported`].
///
/// ```
/// use eider_application::ports::{Durability, Store};
/// use eider_testkit::MemoryStore;
///
/// let store = MemoryStore::new();
/// assert_eq!(store.capabilities().durability, Durability::Memory);
/// assert!(store.profiler().is_some(), "it describes values");
/// assert!(store.backups().is_none(), "and hands out no copies");
/// ```
#[async_trait]
pub trait Store: SchemaCatalog + RecordReader + RecordWriter + CommitLog {
    /// Succeeds when the store can answer queries.
    ///
    /// # Errors
    /// `Unavailable` or whatever keeps it from answering.
    async fn check(&self) -> Result<(), StoreError>;

    /// What the store promises. Never changes while it is open.
    fn capabilities(&self) -> StoreCapabilities;

    /// Metrics for those who operate the store. Cheap, and never blocks.
    fn metrics(&self) -> StoreMetrics {
        StoreMetrics::default()
    }

    /// Changes schemas in place.
    fn evolution(&self) -> Option<&dyn SchemaEvolution> {
        None
    }

    /// Groups records.
    fn aggregator(&self) -> Option<&dyn Aggregator> {
        None
    }

    /// Keeps answers together with the writes that they answer.
    fn idempotency_records(&self) -> Option<&dyn IdempotencyRecords> {
        None
    }

    /// Checks rules against what is stored.
    fn rule_checker(&self) -> Option<&dyn RuleChecker> {
        None
    }

    /// Describes the values of records.
    fn profiler(&self) -> Option<&dyn Profiler> {
        None
    }

    /// Says what reads cost.
    fn explainer(&self) -> Option<&dyn Explainer> {
        None
    }

    /// Copies everything while writes go on.
    fn backups(&self) -> Option<&dyn BackupSource> {
        None
    }
}

/// A role of a store that a use case needs.
///
/// # Errors
/// `Unsupported` when the store does not have it.
pub(crate) fn offered<'s, T: ?Sized>(role: Option<&'s T>, what: &str) -> Result<&'s T, StoreError> {
    role.ok_or_else(|| StoreError::new(StoreErrorKind::Unsupported, format!("the store has no {what}")))
}
