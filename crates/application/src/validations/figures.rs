//! What became of validations.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::job::ValidationState;
use crate::Distribution;

/// Upper bounds of the times of validations, in seconds.
const SECONDS: [f64; 11] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, f64::INFINITY];

/// What became of the validations since the server was started.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidationFigures {
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
pub(super) struct Counted(Mutex<ValidationFigures>);

impl Default for Counted {
    fn default() -> Self {
        let buckets = SECONDS.map(|bound| (bound, 0)).to_vec();
        let seconds = Distribution { buckets, sum: 0.0 };
        Self(Mutex::new(ValidationFigures { running: 0, done: 0, failed: 0, cancelled: 0, seconds }))
    }
}

impl Counted {
    pub(super) fn ended(&self, state: &ValidationState, took: Duration) {
        let mut figures = self.lock();
        match state {
            ValidationState::Done(_) => figures.done += 1,
            ValidationState::Failed { .. } => figures.failed += 1,
            ValidationState::Running | ValidationState::Cancelled => figures.cancelled += 1,
        }
        let seconds = took.as_secs_f64();
        figures.seconds.sum += seconds;
        if let Some((_, count)) = figures.seconds.buckets.iter_mut().find(|(bound, _)| seconds <= *bound) {
            *count += 1;
        }
    }

    /// The figures, while so many run.
    pub(super) fn figures(&self, running: usize) -> ValidationFigures {
        ValidationFigures { running, ..self.lock().clone() }
    }

    fn lock(&self) -> MutexGuard<'_, ValidationFigures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
