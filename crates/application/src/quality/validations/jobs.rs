//! The validations that run or are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eider_domain::{Schema, Timestamp};
use uuid::Uuid;

use super::ValidationLimits;
use super::job::{ValidationJob, ValidationState};
use super::statistics::{Counted, ValidationStatistics};
use crate::ports::StoreError;

/// The validations, in the order in which they were started, and the outcomes of all that there were.
#[derive(Debug)]
pub(super) struct Jobs {
    limits: ValidationLimits,
    started: Mutex<VecDeque<Arc<ValidationJob>>>,
    counted: Counted,
}

impl Jobs {
    pub(super) fn new(limits: ValidationLimits) -> Self {
        Self { limits, started: Mutex::default(), counted: Counted::default() }
    }

    pub(super) fn limits(&self) -> &ValidationLimits {
        &self.limits
    }

    /// Takes a validation that is about to run.
    ///
    /// # Errors
    /// `Unavailable` when too many run.
    pub(super) fn begin(&self, job: &Arc<ValidationJob>, now: Timestamp) -> Result<(), StoreError> {
        let mut jobs = self.current(now);
        if jobs.iter().filter(|job| job.is_running()).count() >= self.limits.max_running.max(1) {
            return Err(StoreError::unavailable("validations", "too many validations run"));
        }
        jobs.push_back(Arc::clone(job));
        Ok(())
    }

    /// Counts a validation that has ended.
    pub(super) fn ended(&self, job: &ValidationJob, took: Duration) {
        let progress = job.progress();
        self.counted.ended(&progress.state, took);
        let (records, is_truncated) = match &progress.state {
            ValidationState::Done(validation) => (Some(validation.records), validation.is_truncated),
            _ => (None, false),
        };
        tracing::info!(
            validation.id = %job.id(),
            validation.state = progress.state.name(),
            validation.rules = job.rules().rules().len(),
            validation.records = records,
            validation.issues = progress.outcomes.iter().map(|outcome| outcome.issues).sum::<u64>(),
            validation.is_truncated = is_truncated,
            schema.name = %job.schema().name(),
            duration_ms = took.as_secs_f64() * 1e3,
            "validation ended"
        );
    }

    /// Those of a schema, the youngest first; not those of another that had its name.
    pub(super) fn of_schema(&self, schema: &Schema, now: Timestamp) -> Vec<Arc<ValidationJob>> {
        let is_of = |job: &&Arc<ValidationJob>| job.schema().is_version_of(schema);
        self.current(now).iter().rev().filter(is_of).cloned().collect()
    }

    pub(super) fn remove(&self, id: Uuid) {
        self.lock().retain(|job| job.id() != id);
    }

    pub(super) fn remove_old(&self, now: Timestamp) {
        drop(self.current(now));
    }

    pub(super) fn statistics(&self) -> ValidationStatistics {
        let running = self.lock().iter().filter(|job| job.is_running()).count();
        self.counted.statistics(running)
    }

    /// The validations without those that were kept for long enough, or are too many.
    fn current(&self, now: Timestamp) -> MutexGuard<'_, VecDeque<Arc<ValidationJob>>> {
        let mut jobs = self.lock();
        let since = now.minus(self.limits.kept_for);
        jobs.retain(|job| job.ended_at().is_none_or(|at| at >= since));
        let kept = jobs.iter().filter(|job| !job.is_running()).count();
        let mut surplus = kept.saturating_sub(self.limits.max_kept);
        jobs.retain(|job| {
            let is_surplus = surplus > 0 && !job.is_running();
            surplus -= usize::from(is_surplus);
            !is_surplus
        });
        jobs
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<ValidationJob>>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
