//! Copies of everything, and what is known of those that were taken.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use eider_domain::{RecordId, temporal::datetime_text};
use futures::StreamExt;
use futures::stream;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::ports::key_id::hexadecimal;
use crate::ports::{Backup, BackupPieces, Clock, IdGenerator, Store, StoreError, StoreErrorKind, offered};
use crate::runtime::DigestFile;
use crate::runtime::blocking;

/// Receipts that are kept.
const RECEIPTS: usize = 16;

/// Takes copies of a store.
#[derive(Debug, Clone)]
pub struct BackupService {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    receipts: Arc<Mutex<VecDeque<BackupReceipt>>>,
    newest: Arc<Mutex<Option<BegunBackup>>>,
}

/// A copy that was begun, whether or not it was sent to its end.
#[derive(Debug, Clone)]
struct BegunBackup {
    id: String,
    token: u64,
    bytes: u64,
}

/// What a copy that was taken to its end holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReceipt {
    /// Tells it from others.
    pub id: String,
    /// When it was begun (RFC 3339).
    pub taken_at: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// Milliseconds for which no write could begin.
    pub writes_held_ms: u64,
    /// Each schema, in the order of their names.
    pub schemas: Vec<BackedUpSchema>,
}

/// A schema in a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpSchema {
    /// Its name.
    pub name: String,
    /// The number of its last commit in the copy; 0 before the first.
    pub commit_seq: u64,
}

impl BackupService {
    /// The use cases over a store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { store, clock, ids, receipts: Arc::default(), newest: Arc::default() }
    }

    /// Begins a copy; its id, under which its receipt will be found once the last piece was taken.
    ///
    /// # Errors
    /// `Unavailable` with the budget `backups` while another is taken, and with `checkpoint` when streams keep one
    /// back for too long; `StorageFull`, `Unsupported`.
    pub async fn begin(&self) -> Result<(String, Backup), Error> {
        let id = self.ids.next_ids(1).first().map(RecordId::to_string).unwrap_or_default();
        let taken_at = datetime_text(self.clock.now().as_micros());
        let Backup { bytes, schemas, writes_held, token, pieces } =
            offered(self.store.backups(), "backups")?.backup().await?;
        let begun = BegunBackup { id: id.clone(), token, bytes };
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(begun);
        let named = schemas.iter().map(|(name, seq)| BackedUpSchema { name: name.to_string(), commit_seq: *seq });
        let receipt = BackupReceipt {
            id: id.clone(),
            taken_at,
            bytes,
            sha256: String::new(),
            writes_held_ms: u64::try_from(writes_held.as_millis()).unwrap_or(u64::MAX),
            schemas: named.collect(),
        };
        let progress =
            Progress { pieces, digest: Sha256::new(), left: bytes, receipt, receipts: Arc::clone(&self.receipts) };
        let pieces = stream::try_unfold(progress, next_piece).boxed();
        Ok((id, Backup { bytes, schemas, writes_held, token, pieces }))
    }

    /// Bytes of the copy that was begun last, if it has this id.
    pub fn bytes_of(&self, id: &str) -> Option<u64> {
        self.begun(id).map(|begun| begun.bytes)
    }

    /// A part of the copy that was begun last, if it has this id and the store can still read it. A copy that is put together
    /// of parts has no receipt.
    ///
    /// # Errors
    /// `Unavailable` with the budget `backups` while a copy is read; `Unsupported`.
    pub async fn part(&self, id: &str, range: Range<u64>) -> Result<Option<BackupPieces>, Error> {
        match self.begun(id) {
            Some(begun) => Ok(offered(self.store.backups(), "backups")?.read_again(begun.token, range).await?),
            None => Ok(None),
        }
    }

    fn begun(&self, id: &str) -> Option<BegunBackup> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.as_ref().filter(|begun| begun.id == id).cloned()
    }

    /// Takes a copy into a new file.
    ///
    /// # Errors
    /// As [`BackupService::begin`], and when the file cannot be written.
    pub async fn write_to(&self, path: PathBuf) -> Result<BackupReceipt, Error> {
        let (id, mut backup) = self.begin().await?;
        let mut file = blocking::run(move || DigestFile::create(&path)).await?.map_err(StoreError::of_disk)?;
        while let Some(piece) = backup.pieces.next().await.transpose()? {
            let append = move || file.write_all(&piece).map(|()| file);
            file = blocking::run(append).await?.map_err(StoreError::of_disk)?;
        }
        let (_, sha256) = blocking::run(|| file.finish()).await?.map_err(StoreError::of_disk)?;
        let is_whole = |receipt: &BackupReceipt| receipt.sha256 == sha256;
        Ok(self.receipt(&id).filter(is_whole).ok_or_else(|| {
            StoreError::new(StoreErrorKind::Internal, "the copy in the file is not what the store has read")
        })?)
    }

    /// The receipt of a copy that was taken to its end, as long as few were taken after it.
    pub fn receipt(&self, id: &str) -> Option<BackupReceipt> {
        lock(&self.receipts).iter().find(|receipt| receipt.id == id).cloned()
    }
}

fn lock(receipts: &Mutex<VecDeque<BackupReceipt>>) -> MutexGuard<'_, VecDeque<BackupReceipt>> {
    receipts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A copy that is being taken.
struct Progress {
    pieces: BackupPieces,
    digest: Sha256,
    /// Bytes that are still to come.
    left: u64,
    receipt: BackupReceipt,
    receipts: Arc<Mutex<VecDeque<BackupReceipt>>>,
}

impl Progress {
    /// Writes the receipt of the whole file.
    fn finish(&mut self) {
        self.receipt.sha256 = hexadecimal(&self.digest.finalize_reset());
        let mut receipts = lock(&self.receipts);
        if receipts.len() == RECEIPTS {
            receipts.pop_front();
        }
        receipts.push_back(self.receipt.clone());
    }
}

async fn next_piece(mut progress: Progress) -> Result<Option<(Bytes, Progress)>, StoreError> {
    let Some(piece) = progress.pieces.next().await.transpose()? else {
        return Ok(None);
    };
    let taken = blocking::run(move || {
        progress.digest.update(&piece);
        progress.left = progress.left.saturating_sub(piece.len() as u64);
        if progress.left == 0 {
            progress.finish();
        }
        (piece, progress)
    });
    taken.await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_receipt_is_there_with_the_last_piece_and_not_before() {
        let receipts = Arc::<Mutex<VecDeque<BackupReceipt>>>::default();
        let receipt = BackupReceipt {
            id: "b".to_owned(),
            taken_at: String::new(),
            bytes: 3,
            sha256: String::new(),
            writes_held_ms: 0,
            schemas: Vec::new(),
        };
        let pieces = stream::iter([Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"c"))]).boxed();
        let progress = Progress { pieces, digest: Sha256::new(), left: 3, receipt, receipts: Arc::clone(&receipts) };
        let (piece, progress) = next_piece(progress).await.unwrap().unwrap();
        assert_eq!((&piece[..], lock(&receipts).len()), (&b"ab"[..], 0));
        let (_, progress) = next_piece(progress).await.unwrap().unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(lock(&receipts).front().map(|receipt| receipt.sha256.clone()).as_deref(), Some(abc));
        assert!(next_piece(progress).await.unwrap().is_none());
    }
}
