//! Outcomes of validations, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::job::ValidationState;
use crate::ports::Distribution;
use crate::runtime::recorder::Recorder;

/// Upper bounds of the times of validations, in seconds.
const SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Outcomes of validations since the server was started.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidationStatistics {
    /// Those that run.
    pub running: usize,
    /// Those that came to their end.
    pub done: u64,
    /// Those that the store failed.
    pub failed: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
    /// Seconds that they took, however they ended.
    pub seconds: Distribution,
}

/// Counts validations that have ended.
#[derive(Debug)]
pub(super) struct Counted {
    done: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    seconds: Recorder,
}

impl Default for Counted {
    fn default() -> Self {
        let (done, failed, cancelled) = Default::default();
        Self { done, failed, cancelled, seconds: Recorder::new(SECONDS) }
    }
}

impl Counted {
    pub(super) fn ended(&self, state: &ValidationState, took: Duration) {
        let ended = match state {
            ValidationState::Done(_) => &self.done,
            ValidationState::Failed { .. } => &self.failed,
            ValidationState::Running | ValidationState::Cancelled => &self.cancelled,
        };
        ended.fetch_add(1, Ordering::Relaxed);
        self.seconds.record(took.as_secs_f64());
    }

    /// The statistics, while so many run.
    pub(super) fn statistics(&self, running: usize) -> ValidationStatistics {
        ValidationStatistics {
            running,
            done: self.done.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            seconds: self.seconds.distribution(),
        }
    }
}
