//! Ports and use cases: the only vocabulary that storage adapters and edges share.
//!
//! A port is a trait that an adapter implements ([`Store`] with its roles, [`Clock`], [`IdGenerator`]). A use case is a method of a service, such as [`IngestService`]. Rows
//! cross both as Arrow record batches, never one by one.

mod advice;
mod backup;
pub mod blocking;
mod contradictions;
mod cursors;
mod error;
mod explain;
mod infer;
mod ingest;
mod keys;
mod memory_guard;
mod ports;
mod profile;
mod query;
mod read_log;
pub mod recorder;
mod schemas;
mod system;
mod tags;
pub mod timings;
mod validations;

pub use advice::{IndexAdvice, IndexCandidate, UnusedIndex};
pub use backup::{BackedUpSchema, BackupReceipt, BackupService};
pub use contradictions::Contradictions;
pub use cursors::Cursors;
pub use eider_formats::value_at;
pub use error::{Error, ErrorCode};
pub use explain::{Advice, AdviceCode, Explanation};
pub use infer::{Choice, Evidence, InferenceOptions, Proposal};
pub use ingest::{
    BYTE_ORDER_MARK, BodyError, BodyFormat, BulkMode, BulkOptions, BulkOutcome, BulkReceipt, Chunk, DecodedBatch,
    DecodedBlock, DecodedChunk, IngestLimits, IngestService, KeyedCreation, RecordDecoder, StoredRecord, WarningCount,
    apply_merge_patch, body_of, infer_schema,
};
pub use keys::{ApiKey, KeyId, KeyRing, Principal, Unauthorized};
pub use memory_guard::{MemoryFigures, MemoryGuard, MemoryGuardSettings, MemoryPressure, Reservation};
pub(crate) use ports::offered;
pub use ports::{
    ANSWER_LIFETIME, Access, Aggregator, AnswerDraft, AnswerToKeep, Backup, BackupMethod, BackupSource, BatchWriter,
    CONTRADICTION_SAMPLE, Change, ChangeOutcome, Clock, CommitLog, CommitOutcome, CommitReceipt, CommitTerms,
    ConflictingKey, Conflicts, Contradiction, DataProfile, DeleteOutcome, Distribution, DraftFailures, Durability,
    EndedWrite, EvolutionOutcome, EvolutionRequest, Explainer, FailureReport, FailureReports, FieldProfile, Figure,
    IdGenerator, IdOrigin, IdentityStatistics, IndexEstimate, IndexHint, Indexes, KeptAnswer, KeptAnswers, KeyConflict,
    MemoryLimitSource, MemoryProbe, MemoryReading, Metric, MetricUnit, MetricValue, OnConflict, POSITION_SEQUENCE,
    PROFILE_COUNTED_VALUES, PROFILE_QUANTILES, PROFILE_TEXT_CHARS, PROFILE_TOP, ProfileRequest, Profiler, Progress,
    ReadPlan, ReadRequest, ReadShape, RecordReader, RecordStream, RecordWriter, ReportStream, RowLines, RuleChecker,
    RuleOutcome, ScanRequest, SchemaCatalog, SchemaEvolution, SchemaStatistics, SchemaVersion, SharedKey, Sorting,
    Store, StoreCapabilities, StoreError, StoreErrorKind, StoreMetrics, StoredIssues, StoredReport, SuggestionOutcome,
    SuggestionRequest, Validation, ValidationRequest, WriteReceipt, WriteRequest, Writers, issue_columns, position_key,
};
pub use query::{Groups, OffsetPage, Page, PageRequest, PageStart, QueryService, StreamRequest};
pub use read_log::{ReadLog, SchemaReads, SeenReads};
pub use schemas::SchemaService;
pub use system::{DigestFile, FileReports, FileStamp, KeyFile, KeyFileError, SystemClock, UuidV7Generator};
pub use tags::{Preconditions, Tags, record_tag, schema_tag};
pub use validations::{
    AppliedRules, Issues, ValidationFigures, ValidationJob, ValidationLimits, ValidationProgress, ValidationService,
    ValidationState,
};
