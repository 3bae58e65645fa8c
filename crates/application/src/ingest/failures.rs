//! What was wrong with the records of a body: the first of it in memory, all of it in a report when there is more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eider_domain::{Timestamp, Violation};
use uuid::Uuid;

use crate::ports::{DraftFailures, FailureReport, FailureReports, KeyId, RowLines, StoreError};

/// The violations of a body.
#[derive(Debug)]
pub(super) struct Failures {
    named: Vec<Violation>,
    /// How many are named in the receipt.
    cap: usize,
    report: Report,
    target: ReportTarget,
}

/// Where a report goes, if there has to be one.
#[derive(Debug)]
pub(super) struct ReportTarget {
    pub(super) reports: Arc<dyn FailureReports>,
    pub(super) id: Uuid,
    /// The key of the call.
    pub(super) owner: Option<KeyId>,
    pub(super) now: Timestamp,
    /// Bytes after which it breaks off.
    pub(super) max_bytes: u64,
}

/// The report of everything.
#[derive(Debug)]
enum Report {
    /// The receipt names everything.
    Unneeded,
    Open {
        report: Box<dyn FailureReport>,
        /// Bytes that it may still grow by; `None` when it has broken off.
        room: Option<u64>,
    },
    /// It can be read.
    Finished,
    /// It could not be written.
    Lost,
}

/// What a receipt says of failures.
#[derive(Debug, Clone, Default)]
pub(super) struct NamedFailures {
    pub(super) named: Vec<Violation>,
    pub(super) are_truncated: bool,
    /// The report of all of them, when it can be read.
    pub(super) report: Option<Uuid>,
}

impl Failures {
    pub(super) fn new(cap: usize, target: ReportTarget) -> Self {
        Self { named: Vec::new(), cap, report: Report::Unneeded, target }
    }

    /// Takes note of violations. Blocks on the disk once there are more than the receipt names.
    pub(super) fn note(&mut self, mut violations: Vec<Violation>) {
        let room = self.cap - self.named.len();
        let beyond = violations.split_off(room.min(violations.len()));
        self.named.append(&mut violations);
        if beyond.is_empty() {
            return;
        }
        if matches!(self.report, Report::Unneeded) {
            self.begin();
        }
        self.write(&beyond);
    }

    /// What an answer says of them that is kept before the conflicts of its write are known.
    pub(super) fn draft(&self, lines: RowLines) -> DraftFailures {
        let report = (!matches!(self.report, Report::Lost)).then_some(self.target.id);
        let room = self.cap - self.named.len();
        let is_truncated = !matches!(self.report, Report::Unneeded);
        DraftFailures { named: self.named.clone(), room, is_truncated, report, lines }
    }

    fn begin(&mut self) {
        match self.target.reports.begin(self.target.id, self.target.owner, self.target.now) {
            Ok(report) => {
                self.report = Report::Open { report, room: Some(self.target.max_bytes) };
                let named = std::mem::take(&mut self.named);
                self.write(&named);
                self.named = named;
            }
            Err(error) => self.lose(&error),
        }
    }

    fn write(&mut self, violations: &[Violation]) {
        let Report::Open { report, room } = &mut self.report else { return };
        let mut lines = Vec::new();
        for violation in violations {
            let Some(bytes) = *room else { break };
            let start = lines.len();
            // Text, numbers and an enumeration: this cannot fail.
            let _ = serde_json::to_writer(&mut lines, violation);
            lines.push(b'\n');
            *room = bytes.checked_sub((lines.len() - start) as u64);
            if room.is_none() {
                lines.truncate(start);
                let last = format!("{{\"$truncated\":{{\"limit_bytes\":{}}}}}\n", self.target.max_bytes);
                lines.extend_from_slice(last.as_bytes());
            }
        }
        if let Err(error) = report.write(&lines) {
            self.lose(&error);
        }
    }

    /// Takes note that not everything could be written down. A report that is lost fails no import.
    pub(super) fn lose(&mut self, error: &StoreError) {
        tracing::warn!(error = %error, import.id = %self.target.id, "a report of failures was lost");
        self.report = Report::Lost;
    }

    /// Ends the report, so that it can be read, and says what the receipt says. Blocks on the disk.
    pub(super) fn finish(&mut self) -> NamedFailures {
        match std::mem::replace(&mut self.report, Report::Unneeded) {
            Report::Open { report, .. } => match report.finish() {
                Ok(()) => self.report = Report::Finished,
                Err(error) => self.lose(&error),
            },
            ended => self.report = ended,
        }
        let mut named = self.named.clone();
        named.sort_by_key(|violation| violation.line);
        NamedFailures {
            named,
            are_truncated: !matches!(self.report, Report::Unneeded),
            report: matches!(self.report, Report::Finished).then_some(self.target.id),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
