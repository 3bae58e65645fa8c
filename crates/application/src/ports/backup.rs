//! A copy of everything that a store holds.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use eider_domain::SchemaName;
use futures::stream::BoxStream;

use crate::StoreError;

/// A copy of a store on its way out: one file that the store opens, with everything that was committed before one
/// moment and nothing that was committed later.
pub struct Backup {
    /// Bytes of the file.
    pub bytes: u64,
    /// Each schema with the number of its last commit in the copy.
    pub schemas: Vec<(SchemaName, u64)>,
    /// How long no write could begin for it.
    pub writes_held: Duration,
    /// The file, piece by piece. Until this is dropped the store takes no checkpoint, unless it has to: then it fails.
    pub pieces: BoxStream<'static, Result<Bytes, StoreError>>,
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup").field("bytes", &self.bytes).field("schemas", &self.schemas).finish_non_exhaustive()
    }
}

/// Copies everything that a store holds.
#[async_trait]
pub trait BackupSource: fmt::Debug + Send + Sync + 'static {
    /// Begins a copy of everything, while writes go on.
    ///
    /// # Errors
    /// `Unavailable` with the budget `backups` while another copy is taken, and
    /// with `checkpoint` when reads that began before it do not let everything be written out in time; `StorageFull`.
    async fn backup(&self) -> Result<Backup, StoreError>;
}
