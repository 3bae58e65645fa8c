//! Rules that a store checks against what it holds, and what it writes for them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use async_trait::async_trait;
use eider_domain::{DataType, Field, Rule, Schema, SystemField, Timestamp, ViolationCode};
use tokio::sync::mpsc;

use crate::ports::{CommitReceipt, RecordStream, StoreError};

/// Rules that are to be checked against every record of a schema.
#[derive(Debug)]
pub struct ValidationRequest {
    /// The rules.
    pub rules: Arc<[Rule]>,
    /// What rules of freshness take for now.
    pub at: Timestamp,
    /// Bytes on disk after which no more issues are kept; all are counted.
    pub max_issue_bytes: u64,
    /// Is sent what was found of each rule, in their order, as soon as it is known.
    pub progress: Progress,
}

impl ValidationRequest {
    /// A check of rules that keeps all issues, and what is told of its progress: it has room for all rules.
    pub fn new(rules: Arc<[Rule]>, at: Timestamp) -> (Self, mpsc::Receiver<RuleOutcome>) {
        let (sender, outcomes) = mpsc::channel(rules.len().max(1));
        (Self { rules, at, max_issue_bytes: u64::MAX, progress: Progress(sender) }, outcomes)
    }
}

/// Where a store sends what it found of each rule. Nobody has to listen.
#[derive(Debug)]
pub struct Progress(mpsc::Sender<RuleOutcome>);

impl Progress {
    /// Sends what was found of the next rule. Never waits.
    pub fn found(&self, outcome: RuleOutcome) {
        // There is room for all rules, and who is gone need not be told.
        let _ = self.0.try_send(outcome);
    }
}

/// What was found of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleOutcome {
    /// Values that break it.
    pub issues: u64,
    /// Those of them that it has a suggestion for.
    pub suggestions: u64,
    /// Whether there are more than were kept: each rule has its share of the room, and what those before it left of
    /// theirs.
    pub is_truncated: bool,
    /// How long it was looked for them.
    pub elapsed: Duration,
}

/// What was found of all rules, in one snapshot.
#[derive(Debug, Clone)]
pub struct Validation {
    /// Records of the snapshot.
    pub records: u64,
    /// The number of its last commit; 0 before the first.
    pub commit_seq: u64,
    /// Whether there are more issues than were kept.
    pub is_truncated: bool,
    /// The issues that were kept, for as long as this is.
    pub issues: Arc<dyn StoredIssues>,
}

/// The issues of a validation, which can be read again and again. They need not outlive a crash.
#[async_trait]
pub trait StoredIssues: fmt::Debug + Send + Sync + 'static {
    /// Streams the issues of the rule at a place among those that were checked, with [`issue_columns`], in any order.
    ///
    /// # Errors
    /// Whatever keeps them from being read.
    async fn of_rule(&self, rule: usize) -> Result<RecordStream, StoreError>;
}

/// The columns of the issues of a rule: the record's id; the value of each of the rule's fields, named as they are;
/// and of a rule that suggests, the suggestion, null where there is none.
pub fn issue_columns(rule: &Rule) -> SchemaRef {
    let id = SystemField::Id.data_type().arrow_field("record_id", false);
    let values = rule.fields().iter().map(|field| field.data_type().arrow_field(field.name(), true));
    let suggestion = rule.suggests().then(|| DataType::String.arrow_field("suggested_value", true));
    Arc::new(ArrowSchema::new([id].into_iter().chain(values).chain(suggestion).collect::<Vec<_>>()))
}

/// Rules whose suggestions are to be written to every record that breaks them now: [together](eider_domain::mended).
#[derive(Debug, Clone)]
pub struct SuggestionRequest {
    /// Rules that suggest.
    pub rules: Arc<[Rule]>,
    /// The time at which the records are changed.
    pub at: Timestamp,
}

/// How suggestions were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuggestionOutcome {
    /// Every record that a rule changed was replaced, in one commit.
    Written {
        /// The records, and the commit.
        receipt: CommitReceipt,
        /// How many records each rule changed, in the order of the rules.
        changed: Vec<u64>,
    },
    /// Two records would share the values of a unique property or key; nothing was written.
    NotUnique(Vec<Field>),
    /// Rules at these places, of those that were asked for, undo each other for a value; nothing was written.
    Unsettled(Vec<usize>),
    /// A value would break a constraint of its property; nothing was written.
    NotStorable(Field, ViolationCode),
}

/// Checks rules against every record, and writes what they suggest.
#[async_trait]
pub trait RuleChecker: fmt::Debug + Send + Sync + 'static {
    /// Checks rules against every record, in one snapshot, and keeps the issues. Cancel-safe: dropping the future stops
    /// the check and frees its connection.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`]; `StorageFull`.
    async fn validate(&self, schema: &Arc<Schema>, request: ValidationRequest) -> Result<Validation, StoreError>;

    /// Writes what rules suggest for the values that break them now: one transaction, in which each record that is
    /// changed gets the next version and moves to the end of commit order.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`]; `StorageFull`. Nothing is changed after any error.
    async fn apply_suggestions(
        &self,
        schema: &Arc<Schema>,
        request: SuggestionRequest,
    ) -> Result<SuggestionOutcome, StoreError>;
}
