//! Faults that a test plants in the store.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};

use eider_application::ports::StoreError;
use tokio::sync::oneshot;

/// A call of a port that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `SchemaCatalog::create`
    CreateSchema,
    /// `SchemaCatalog::get`
    GetSchema,
    /// `SchemaCatalog::list`
    ListSchemas,
    /// `SchemaEvolution::evolve`
    EvolveSchema,
    /// `SchemaCatalog::remove`
    RemoveSchema,
    /// `RecordReader::scan`
    Scan,
    /// `RecordReader::record`
    Record,
    /// `Aggregator::aggregate`
    Aggregate,
    /// `RecordReader::count`
    Count,
    /// `Explainer::explain`
    Explain,
    /// `Profiler::profile`
    Profile,
    /// `RecordWriter::begin_write`
    BeginWrite,
    /// `BatchWriter::append`
    Append,
    /// `BatchWriter::commit`
    Commit,
    /// `RecordWriter::change`
    Change,
    /// `RecordWriter::delete`
    Delete,
    /// `RuleChecker::validate`
    Validate,
    /// `RuleChecker::apply_suggestions`
    ApplySuggestions,
    /// `RecordReader::statistics`
    Statistics,
    /// `RecordReader::record_counts`
    RecordCounts,
    /// `Store::check`
    Check,
}

/// Holds a scan until it is opened. Dropped unopened, it holds the scan for ever.
#[derive(Debug)]
pub struct ScanGate(oneshot::Sender<()>);

impl ScanGate {
    /// Lets the scan go on.
    pub fn open(self) {
        // Nobody is left to be let through when the scan was dropped.
        let _ = self.0.send(());
    }
}

/// What happens to a scan once it has yielded `after_rows` rows, or all it has.
#[derive(Debug)]
pub(super) struct ScanFault {
    pub(super) after_rows: usize,
    kind: ScanFaultKind,
}

#[derive(Debug)]
enum ScanFaultKind {
    Fail(StoreError),
    Wait(oneshot::Receiver<()>),
}

impl ScanFault {
    /// Happens: fails, or waits for its gate.
    pub(super) async fn strike(self) -> Result<(), StoreError> {
        match self.kind {
            ScanFaultKind::Fail(error) => Err(error),
            ScanFaultKind::Wait(gate) => {
                if gate.await.is_err() {
                    pending::<()>().await;
                }
                Ok(())
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    calls: Mutex<HashMap<Operation, VecDeque<StoreError>>>,
    scans: Mutex<VecDeque<ScanFault>>,
}

impl Faults {
    pub(super) fn plant(&self, operation: Operation, error: StoreError) {
        lock(&self.calls).entry(operation).or_default().push_back(error);
    }

    /// Fails when a fault was planted for this call.
    pub(super) fn strike(&self, operation: Operation) -> Result<(), StoreError> {
        match lock(&self.calls).get_mut(&operation).and_then(VecDeque::pop_front) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    pub(super) fn plant_scan_failure(&self, after_rows: usize, error: StoreError) {
        lock(&self.scans).push_back(ScanFault { after_rows, kind: ScanFaultKind::Fail(error) });
    }

    pub(super) fn plant_scan_gate(&self, after_rows: usize) -> ScanGate {
        let (sender, receiver) = oneshot::channel();
        lock(&self.scans).push_back(ScanFault { after_rows, kind: ScanFaultKind::Wait(receiver) });
        ScanGate(sender)
    }

    /// The fault of the next scan.
    pub(super) fn next_scan(&self) -> Option<ScanFault> {
        lock(&self.scans).pop_front()
    }
}

/// Locks, also after a test panicked with the lock held.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
