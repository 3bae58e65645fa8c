//! What is counted where commits and changes of schemas happen.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use eider_application::runtime::recorder::{NUMBERS, Recorder, SECONDS};

use crate::file::statistics::{CommitStatistics, EvolutionStatistics};

/// What commits took.
#[derive(Debug)]
pub(crate) struct CommitRecorders {
    pub(crate) single_seconds: Recorder,
    pub(crate) bulk_seconds: Recorder,
    pub(crate) group_changes: Recorder,
    pub(crate) flush_seconds: Recorder,
}

impl Default for CommitRecorders {
    fn default() -> Self {
        Self {
            single_seconds: Recorder::new(SECONDS),
            bulk_seconds: Recorder::new(SECONDS),
            group_changes: Recorder::new(NUMBERS),
            flush_seconds: Recorder::new(SECONDS),
        }
    }
}

impl CommitRecorders {
    pub(crate) fn statistics(&self) -> CommitStatistics {
        CommitStatistics {
            single_seconds: self.single_seconds.distribution(),
            bulk_seconds: self.bulk_seconds.distribution(),
            group_changes: self.group_changes.distribution(),
            flush_seconds: self.flush_seconds.distribution(),
        }
    }
}

/// How changes of schemas went, and how far those are that run.
#[derive(Debug)]
pub(crate) struct EvolutionRecorders {
    seconds: Recorder,
    steps: AtomicU64,
    steps_done: AtomicU64,
}

impl Default for EvolutionRecorders {
    fn default() -> Self {
        Self { seconds: Recorder::new(SECONDS), steps: AtomicU64::new(0), steps_done: AtomicU64::new(0) }
    }
}

impl EvolutionRecorders {
    pub(crate) fn statistics(&self) -> EvolutionStatistics {
        EvolutionStatistics {
            seconds: self.seconds.distribution(),
            steps: self.steps.load(Ordering::Relaxed),
            steps_done: self.steps_done.load(Ordering::Relaxed),
        }
    }
}

/// A change that runs, among the statistics until it is dropped.
pub(crate) struct Running<'r> {
    recorders: &'r EvolutionRecorders,
    began: Instant,
    steps: u64,
    done: Cell<u64>,
}

impl<'r> Running<'r> {
    /// A change of so many steps.
    pub(crate) fn begin(recorders: &'r EvolutionRecorders, steps: usize) -> Self {
        recorders.steps.fetch_add(steps as u64, Ordering::Relaxed);
        Self { recorders, began: Instant::now(), steps: steps as u64, done: Cell::new(0) }
    }

    /// Takes note that a step is done.
    pub(crate) fn step(&self) {
        self.done.set(self.done.get() + 1);
        self.recorders.steps_done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.recorders.steps.fetch_sub(self.steps, Ordering::Relaxed);
        self.recorders.steps_done.fetch_sub(self.done.get(), Ordering::Relaxed);
        self.recorders.seconds.record(self.began.elapsed().as_secs_f64());
    }
}
