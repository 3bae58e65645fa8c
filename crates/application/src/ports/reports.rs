//! The port to reports of what was wrong with the bodies of bulk writes.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use eider_domain::Timestamp;
use futures::stream::BoxStream;
use uuid::Uuid;

use crate::ports::{KeyId, StoreError};

/// The lines of a report, in pieces that end anywhere.
pub type ReportStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// A report that can be read.
pub struct StoredReport {
    /// The key of the call that it is about.
    pub owner: Option<KeyId>,
    /// What it says.
    pub lines: ReportStream,
}

impl fmt::Debug for StoredReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredReport").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// Keeps reports that are too long for an answer, for at least [`crate::ports::ANSWER_LIFETIME`]. They need not
/// outlive a crash.
#[async_trait]
pub trait FailureReports: fmt::Debug + Send + Sync + 'static {
    /// Begins a report under an id of its own, for the key of its call. May block.
    ///
    /// # Errors
    /// `StorageFull`, or whatever keeps it from being written.
    fn begin(&self, id: Uuid, owner: Option<KeyId>, now: Timestamp) -> Result<Box<dyn FailureReport>, StoreError>;

    /// The report of an id, if it was finished, and begun at `since` or later.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    async fn open(&self, id: Uuid, since: Timestamp) -> Result<Option<StoredReport>, StoreError>;
}

/// A report that is being written. Dropped without [`FailureReport::finish`], it leaves nothing behind.
pub trait FailureReport: fmt::Debug + Send {
    /// Appends lines. May block.
    ///
    /// # Errors
    /// `StorageFull`, or whatever keeps it from being written.
    fn write(&mut self, lines: &[u8]) -> Result<(), StoreError>;

    /// Makes the report readable. May block.
    ///
    /// # Errors
    /// As [`FailureReport::write`].
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}
