//! Copies of the file while it is written to.
//!
//! A checkpoint leaves the file whole and the log empty. Until the next one begins, what its header leads to is not
//! written to again: commits go to the log, and large writes to blocks that the header calls free. So the file can be read
//! as it was, as long as no checkpoint is taken. Writers are held for the checkpoint alone.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eider_application::ports::{Backup, BackupPieces, StoreError, StoreErrorKind};
use eider_application::runtime::blocking;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use crate::file::disk;
use crate::operate::checkpoint;
use crate::table::Shared;
use crate::table::copies::Copies;
use crate::table::flush::store_every;

/// Bytes that are read at once.
const PIECE_BYTES: u64 = 1 << 20;
/// How long a checkpoint is tried for that reads keep back.
const CHECKPOINT_WITHIN: Duration = Duration::from_secs(20);
/// How long writers go on between two tries.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// Begins a copy.
///
/// # Errors
/// `Unavailable` with the budget `backups` while another is taken, and with `checkpoint` when reads keep that back.
pub(crate) async fn begin(shared: Arc<Shared>) -> Result<Backup, StoreError> {
    let copies = Arc::clone(&shared.copies);
    let place = only(&copies)?;
    let file = open(&shared).await?;
    let started = Instant::now();
    loop {
        let held = Instant::now();
        let mut locks = shared.every_write_lock().await;
        store_every(&shared, &mut locks).await?;
        let outcome = checkpoint::take(&shared).await;
        let is_whole = outcome.is_ok() && disk::log_bytes(&shared.settings) == 0;
        if is_whole {
            let bytes = file.metadata().map_err(StoreError::of_disk)?.len();
            let (schemas, after) = (shared.commits_of_schemas(), copies.checkpoints());
            drop(locks);
            let writes_held = held.elapsed();
            tracing::info!(backup.bytes = bytes, held_ms = writes_held.as_secs_f64() * 1e3, "store backup");
            let pieces = read(Reading { copies, file, at: 0, end: bytes, after, _place: place });
            return Ok(Backup { bytes, schemas, writes_held, token: after, pieces });
        }
        drop(locks);
        match outcome {
            Err(error) if error.kind() != StoreErrorKind::Conflict => return Err(error),
            _ if started.elapsed() > CHECKPOINT_WITHIN => {
                return Err(StoreError::unavailable("checkpoint", "reads that run keep the checkpoint back"));
            }
            _ => tokio::time::sleep(TRY_EVERY).await,
        }
    }
}

/// Bytes of a copy that was begun before, unless a checkpoint was since. Blocks that held nothing then may hold other bytes
/// now, which is why a part is asked for only by those who have the bytes before it; no reader of the file looks at them.
///
/// # Errors
/// `Unavailable` with the budget `backups` while a copy is read.
pub(crate) async fn read_again(
    shared: &Shared,
    token: u64,
    range: Range<u64>,
) -> Result<Option<BackupPieces>, StoreError> {
    let copies = Arc::clone(&shared.copies);
    let place = only(&copies)?;
    if copies.checkpoints() != token {
        return Ok(None);
    }
    let file = open(shared).await?;
    Ok(Some(read(Reading { copies, file, at: range.start, end: range.end, after: token, _place: place })))
}

/// The place of the one copy that is read.
fn only(copies: &Copies) -> Result<OwnedSemaphorePermit, StoreError> {
    let place = Arc::clone(&copies.one_at_a_time).try_acquire_owned();
    place.map_err(|_| StoreError::unavailable("backups", "another backup is being taken"))
}

async fn open(shared: &Shared) -> Result<Arc<File>, StoreError> {
    if let Some(file) = shared.copies.file.get() {
        return Ok(Arc::clone(file));
    }
    let path = shared.settings.path.clone();
    let file = blocking::run(move || File::open(path)).await?.map_err(StoreError::of_disk)?;
    Ok(Arc::clone(shared.copies.file.get_or_init(|| Arc::new(file))))
}

/// A copy that is being read.
struct Reading {
    copies: Arc<Copies>,
    file: Arc<File>,
    at: u64,
    end: u64,
    /// How many checkpoints had begun when it was.
    after: u64,
    _place: OwnedSemaphorePermit,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.copies.read_ends(self.at == self.end);
    }
}

fn read(reading: Reading) -> BackupPieces {
    stream::try_unfold(reading, next).map_ok(Into::into).boxed()
}

async fn next(mut reading: Reading) -> Result<Option<(Vec<u8>, Reading)>, StoreError> {
    let bytes = PIECE_BYTES.min(reading.end - reading.at);
    if bytes == 0 {
        return Ok(None);
    }
    let read = move || {
        let piece = reading.copies.read(&reading.file, reading.at, bytes, reading.after)?;
        reading.at += bytes;
        Ok(Some((piece, reading)))
    };
    blocking::run(read).await.flatten()
}
