//! The port to commit orders.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eider_domain::Schema;

use crate::ports::StoreError;

/// Numbers the commits of each schema. Numbers increase from commit to commit, and are not dense.
///
/// ```
/// use eider_testkit::{Fixture, MemoryStore};
/// use serde_json::json;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let fixture = Fixture::new(std::sync::Arc::new(MemoryStore::new()));
/// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]});
/// let flights = fixture.create(document).await;
/// assert_eq!(fixture.store.commit_seq(&flights).await?, 0);
/// let receipt = fixture.write(&flights, json!([{"delay": 5}, {"delay": 90}])).await;
/// assert_eq!(fixture.store.commit_seq(&flights).await?, receipt.commit_seq.expect("a commit"));
/// # Ok::<(), eider_application::ports::StoreError>(())
/// # }).unwrap();
/// ```
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
    /// `Timeout` when it is not within `at_most`; `NotFound` when the schema was removed; `CommitLost` when the store
    /// was restored from a backup that does not have it.
    async fn wait_for_commit(&self, schema: &Arc<Schema>, commit_seq: u64, at_most: Duration)
    -> Result<(), StoreError>;
}
