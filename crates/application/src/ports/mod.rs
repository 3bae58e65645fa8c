//! What the use cases ask of the outside: a store, a catalog, a clock and a source of ids.

mod backup;
mod capabilities;
mod catalog;
mod change;
mod clock;
mod commit_log;
mod error;
mod evolution;
mod explainer;
mod idempotency;
pub(crate) mod key_id;
mod memory;
mod metrics;
mod profiler;
mod reader;
mod record_stream;
mod reports;
mod row_lines;
mod rule_checker;
mod store;
mod writer;

pub use eider_formats::{Column, column_of, value_at};

pub use backup::{Backup, BackupPieces, BackupSource};
pub use capabilities::{BackupMethod, Durability, Indexes, Reads, StoreCapabilities, Writers};
pub use catalog::{IdentityStatistics, SchemaCatalog, SchemaStatistics};
pub use change::{Change, ChangeOutcome, CommitReceipt, DeleteOutcome};
pub use clock::{Clock, IdGenerator};
pub use commit_log::CommitLog;
pub use error::{StoreError, StoreErrorKind};
pub use evolution::{
    EXISTING_VIOLATION_SAMPLE, EvolutionOutcome, EvolutionRequest, ExistingDataViolation, SchemaEvolution,
    SchemaVersion,
};
pub use explainer::{Access, Explainer, IndexEstimate, IndexHint, ReadPlan, ReadRequest, ReadShape, Sorting};
pub use idempotency::{
    ANSWER_LIFETIME, AnswerDraft, AnswerToKeep, DraftFailures, IdempotencyRecord, IdempotencyRecords,
};
pub use key_id::KeyId;
pub use memory::{MemoryLimitSource, MemoryProbe, MemoryReading};
pub use metrics::{Distribution, Metric, MetricUnit, MetricValue, StoreMetrics};
pub use profiler::{
    DataProfile, FieldProfile, PROFILE_COUNTED_VALUES, PROFILE_QUANTILES, PROFILE_TEXT_CHARS, PROFILE_TOP,
    ProfileRequest, Profiler, Statistic,
};
pub use reader::{Aggregator, POSITION_SEQUENCE, RecordReader, ScanRequest, position_key};
pub use record_stream::RecordStream;
pub use reports::{FailureReport, FailureReports, ReportStream, StoredReport};
pub use row_lines::RowLines;
pub use rule_checker::{
    Progress, RuleChecker, RuleOutcome, StoredIssues, SuggestionOutcome, SuggestionRequest, Validation,
    ValidationRequest, issue_columns,
};
pub use store::Store;
pub(crate) use store::offered;
pub use writer::{
    BatchWriter, CommitOutcome, CommitTerms, ConflictingKey, Conflicts, EndedWrite, IdOrigin, KeyConflict, OnConflict,
    RecordWriter, SharedKey, WriteReceipt, WriteRequest,
};
