//! What a checkpoint has to be taken of, and the outcomes of checkpoints.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_application::runtime::recorder::{Recorder, SECONDS};

use crate::file::statistics::CheckpointStatistics;

/// What has been written since the last checkpoint and when, and the outcomes of checkpoints.
#[derive(Debug)]
pub(crate) struct WriteActivity {
    state: Mutex<State>,
    seconds: Recorder,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// When the last commit was that no checkpoint has followed.
    dirty_since: Option<Instant>,
    last_checkpoint: Option<Duration>,
    failed: u64,
    postponed: u64,
}

impl Default for WriteActivity {
    fn default() -> Self {
        Self { state: Mutex::default(), seconds: Recorder::new(SECONDS) }
    }
}

impl WriteActivity {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a commit.
    pub(crate) fn wrote(&self) {
        self.state().dirty_since = Some(Instant::now());
    }

    /// How long the last checkpoint took.
    pub(crate) fn last_checkpoint(&self) -> Option<Duration> {
        self.state().last_checkpoint
    }

    pub(crate) fn statistics(&self) -> CheckpointStatistics {
        let State { failed, postponed, .. } = *self.state();
        CheckpointStatistics { seconds: self.seconds.distribution(), failed, postponed }
    }

    /// Takes note of a checkpoint that was tried.
    pub(crate) fn tried(&self, outcome: &Result<Duration, StoreError>) {
        let mut state = self.state();
        match outcome {
            Ok(took) => {
                state.last_checkpoint = Some(*took);
                state.dirty_since = None;
                self.seconds.record(took.as_secs_f64());
            }
            Err(error) if matches!(error.kind(), StoreErrorKind::StorageFull | StoreErrorKind::Conflict) => {
                state.postponed += 1;
            }
            Err(_) => state.failed += 1,
        }
    }

    /// Whether something was written, and nothing for so long.
    pub(crate) fn is_idle_for(&self, idle: Duration) -> bool {
        self.state().dirty_since.is_some_and(|since| since.elapsed() >= idle)
    }
}
