//! The port to answers that are kept with the writes that they answer, so that a repeated call gets the first answer.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use eider_domain::{Schema, Timestamp, Violation};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::ports::{KeyConflict, RowLines, SharedKey, StoreError, WriteReceipt};

/// Finds the answers that writes kept: [`crate::ports::CommitTerms::answer`], [`crate::ports::Change::Create`].
#[async_trait]
pub trait IdempotencyRecords: fmt::Debug + Send + Sync + 'static {
    /// The answer that a write kept under a key, if it was given at `since` or later.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`].
    async fn idempotency_record(
        &self,
        schema: &Arc<Schema>,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;
}

/// How long an answer is kept.
pub const ANSWER_LIFETIME: Duration = Duration::from_hours(24);

/// An answer that is stored with the write that it answers, so that a repeat of the call gets it again.
#[derive(Clone)]
pub struct AnswerToKeep {
    /// What the client calls the write.
    pub key: String,
    /// Tells this call from another under the same key.
    pub fingerprint: String,
    /// When it was given.
    pub at: Timestamp,
    /// What it says.
    pub draft: AnswerDraft,
}

impl fmt::Debug for AnswerToKeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerToKeep").field("at", &self.at).finish_non_exhaustive()
    }
}

impl AnswerToKeep {
    /// The answer to a write that is about to be committed. `conflicts` are the first of the write, as many as
    /// [`AnswerToKeep::wanted_conflicts`], or all. Takes no lock and waits for nothing.
    pub fn complete(&self, receipt: &WriteReceipt, conflicts: &[KeyConflict]) -> IdempotencyRecord {
        let text = self.draft.complete(receipt, conflicts);
        IdempotencyRecord { fingerprint: self.fingerprint.clone(), at: self.at, text }
    }

    /// How many conflicts the answer has a use for.
    pub fn wanted_conflicts(&self) -> usize {
        self.draft.failures.as_ref().map_or(0, |failures| failures.room + 1)
    }
}

/// An answer without what only the store knows when it commits.
#[derive(Debug, Clone)]
pub struct AnswerDraft {
    /// The answer as far as it is known. Of these members those that it has are filled in: `created`, `updated`,
    /// `ignored`, `commit_seq` and `ids` become those of the receipt, `failed` grows by the rows that were refused,
    /// `elapsed_ms` becomes the time since `began`. Keys that are shared are appended to `warnings`.
    pub members: Map<String, Json>,
    /// When the call began.
    pub began: Instant,
    /// What the answer says of failures, as `failures`, `failures_truncated` and `import_id`.
    pub failures: Option<DraftFailures>,
}

/// What an answer says of failures, but for the conflicts of its write.
#[derive(Debug, Clone)]
pub struct DraftFailures {
    /// Failures that it names, ordered by line.
    pub named: Vec<Violation>,
    /// How many more it may name.
    pub room: usize,
    /// Whether there are others that it does not name.
    pub is_truncated: bool,
    /// Where all can be read if it does not name all.
    pub report: Option<Uuid>,
    /// The lines of the rows that conflicts name.
    pub lines: RowLines,
}

impl AnswerDraft {
    fn complete(&self, receipt: &WriteReceipt, conflicts: &[KeyConflict]) -> String {
        let mut members = self.members.clone();
        let elapsed_ms = (self.began.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        let failed = members.get("failed").and_then(Json::as_u64).unwrap_or_default();
        for (name, value) in [
            ("created", receipt.created.into()),
            ("updated", receipt.updated.into()),
            ("ignored", receipt.ignored.into()),
            ("failed", (failed + receipt.refused).into()),
            ("commit_seq", receipt.commit_seq.into()),
            ("elapsed_ms", elapsed_ms.into()),
        ] {
            if let Some(member) = members.get_mut(name) {
                *member = value;
            }
        }
        if let Some(ids) = members.get_mut("ids") {
            *ids = receipt.ids.iter().map(|id| Json::from(id.to_string())).collect();
        }
        if !receipt.shared.is_empty()
            && let Some(warnings) = members.entry("warnings").or_insert_with(|| json!([])).as_array_mut()
        {
            warnings.extend(receipt.shared.iter().map(SharedKey::warning));
        }
        if let Some(failures) = &self.failures {
            failures.complete(&mut members, conflicts);
        }
        Json::Object(members).to_string()
    }
}

impl DraftFailures {
    fn complete(&self, members: &mut Map<String, Json>, conflicts: &[KeyConflict]) {
        let more = conflicts.iter().take(self.room).map(|conflict| conflict.violation(Some(&self.lines)));
        let mut named: Vec<Violation> = self.named.iter().cloned().chain(more).collect();
        named.sort_by_key(|violation| violation.line);
        let is_truncated = self.is_truncated || conflicts.len() > self.room;
        members.insert("failures_truncated".to_owned(), is_truncated.into());
        members.insert("failures".to_owned(), json!(named));
        if let Some(report) = self.report.filter(|_| is_truncated) {
            members.insert("import_id".to_owned(), json!(report));
        }
    }
}

/// An answer that was stored with its write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Tells the call that was answered from another under the same key.
    pub fingerprint: String,
    /// When it was given.
    pub at: Timestamp,
    /// The answer.
    pub text: String,
}
