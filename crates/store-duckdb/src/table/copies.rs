//! The copies of the file that are being taken.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use eider_application::ports::{StoreError, StoreErrorKind};
use tokio::sync::Semaphore;

/// A copy breaks off when the log has grown to so many times the size at which a checkpoint is due.
const LONGEST_LOG: u64 = 8;
/// How long checkpoints wait for the rest of a copy that broke off.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// The copies of a file: one at a time.
#[derive(Debug)]
pub(crate) struct Copies {
    /// Opened once and never closed while the engine has the file: whoever closes a file gives up every lock that the
    /// process holds on it (POSIX, `fcntl`), the engine's too.
    pub(crate) file: OnceLock<Arc<File>>,
    pub(crate) one_at_a_time: Arc<Semaphore>,
    /// How many checkpoints have begun. Held while a piece is read.
    checkpoints: Mutex<u64>,
    /// Until when the rest of a copy that broke off may be asked for.
    kept_until: Mutex<Option<Instant>>,
}

impl Default for Copies {
    fn default() -> Self {
        Self {
            file: OnceLock::new(),
            one_at_a_time: Arc::new(Semaphore::new(1)),
            checkpoints: Mutex::default(),
            kept_until: Mutex::default(),
        }
    }
}

impl Copies {
    /// Whether a checkpoint has to wait for a copy.
    pub(crate) fn hold_back(&self, log_bytes: u64, threshold_bytes: u64) -> bool {
        let is_read = self.one_at_a_time.available_permits() == 0;
        (is_read || self.is_kept()) && log_bytes < threshold_bytes.saturating_mul(LONGEST_LOG)
    }

    /// Takes note that a copy is read no further: a client whose connection broke may come back for the rest.
    pub(crate) fn read_ends(&self, is_whole: bool) {
        let until = (!is_whole).then(|| Instant::now() + KEPT_FOR);
        *self.kept_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn is_kept(&self) -> bool {
        self.kept_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
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
