//! The port to commit orders.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eider_domain::Schema;

use crate::ports::StoreError;

/// Numbers the commits of each schema. Numbers increase from commit to commit, and are not dense.
#[async_trait]
pub trait CommitLog: fmt::Debug + Send + Sync + 'static {
    /// The number of the last commit; 0 before the first. What is read after this returns shows it, and may show later
    /// ones. Cheap, and never waits for a connection.
    ///
    /// # Errors
    /// `NotFound` when the schema was removed.
    async fn commit_seq(&self, schema: &Arc<Schema>) -> Result<u64, StoreError>;

    /// Waits until the commit of a number, or a later one, is visible to reads.
    ///
    /// # Errors
    /// `Timeout` when it is not within `at_most`; `NotFound` when the schema was removed; `CommitLost` when the store was
    /// restored from a backup that does not have it.
    async fn wait_for_commit(&self, schema: &Arc<Schema>, commit_seq: u64, at_most: Duration)
    -> Result<(), StoreError>;
}
