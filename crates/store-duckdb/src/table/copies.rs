//! The copies of the file that are being taken.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use eider_application::{StoreError, StoreErrorKind};
use tokio::sync::Semaphore;

/// A copy breaks off when the log has grown to so many times the size at which a checkpoint is due.
const LONGEST_LOG: u64 = 8;

/// The copies of a file: one at a time.
#[derive(Debug)]
pub(crate) struct Copies {
    /// Opened once and never closed while the engine has the file: whoever closes a file gives up every lock that the
    /// process holds on it (POSIX, `fcntl`), the engine's too.
    pub(crate) file: OnceLock<Arc<File>>,
    pub(crate) one_at_a_time: Arc<Semaphore>,
    /// How many checkpoints have begun. Held while a piece is read.
    checkpoints: Mutex<u64>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { file: OnceLock::new(), one_at_a_time: Arc::new(Semaphore::new(1)), checkpoints: Mutex::default() }
    }
}

impl Copies {
    /// Whether a checkpoint has to wait for a copy.
    pub(crate) fn hold_back(&self, log_bytes: u64, threshold_bytes: u64) -> bool {
        self.one_at_a_time.available_permits() == 0 && log_bytes < threshold_bytes.saturating_mul(LONGEST_LOG)
    }

    /// Takes note that a checkpoint begins: what was copied before is read no further.
    pub(crate) fn checkpoint_begins(&self) {
        *self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// How many checkpoints have begun.
    pub(crate) fn checkpoints(&self) -> u64 {
        *self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a piece of the file as it was after so many checkpoints. Blocks.
    pub(crate) fn read(&self, file: &File, at: u64, bytes: u64, after: u64) -> Result<Vec<u8>, StoreError> {
        let mut piece = vec![0; usize::try_from(bytes).unwrap_or_default()];
        let checkpoints = self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if *checkpoints != after {
            return Err(StoreError::new(StoreErrorKind::Cancelled, "a checkpoint was taken before the copy was"));
        }
        file.read_exact_at(&mut piece, at).map_err(StoreError::of_disk)?;
        Ok(piece)
    }
}
