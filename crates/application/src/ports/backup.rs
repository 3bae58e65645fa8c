//! A copy of everything that a store holds.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use eider_domain::SchemaName;
use futures::stream::BoxStream;

use crate::ports::StoreError;

/// Bytes of a copy, in order.
pub type BackupPieces = BoxStream<'static, Result<Bytes, StoreError>>;

/// A copy of a store on its way out: one file that the store opens, with everything that was committed before one
/// moment and nothing that was committed later.
pub struct Backup {
    /// Bytes of the file.
    pub bytes: u64,
    /// Each schema with the number of its last commit in the copy.
    pub schemas: Vec<(SchemaName, u64)>,
    /// How long no write could begin for it.
    pub writes_held: Duration,
    /// By what [`BackupSource::read_again`] knows this copy. No two copies of a store that runs have the same.
    pub token: u64,
    /// The file, piece by piece. Fails if the store can keep the copy as it is no longer.
    pub pieces: BackupPieces,
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

    /// Bytes `range` of a copy that was begun before, by its token. `None` once the store has changed what was copied: the
    /// bytes that were read then and those that could be read now would not make one file. A store keeps a copy that
    /// broke off readable for a minute at least, unless another is begun or the log grows too long.
    ///
    /// # Errors
    /// `Unavailable` with the budget `backups` while a copy is read.
    async fn read_again(&self, token: u64, range: Range<u64>) -> Result<Option<BackupPieces>, StoreError>;
}
