//! Ports and use cases: the only vocabulary that storage adapters and edges share.
//!
//! A port is a trait that an adapter implements ([`Store`] with its roles, [`Clock`], [`IdGenerator`]). A use case is a
//! method of a service, such as [`RecordService`]. Rows cross both as Arrow record batches, never one by one.
//!
//! The folders are layers; each uses those above it in this list, and none below:
//!
//! | folder | what is there |
//! |---|---|
//! | `ports` | what the use cases ask of the outside |
//! | `access` | keys, and who sends one |
//! | `runtime` | what every use case runs on: blocking work, time spent, memory, the system |
//! | `records` | records that are read: queries, cursors, tags, what a read costs |
//! | `infer`, `ingest` | bodies decoded, and records written |
//! | `quality` | rules, profiles, advice |
//! | `schemas`, `backup` | schemas as a whole, and copies of everything |

mod access;
mod backup;
mod error;
mod infer;
mod ingest;
mod ports;
mod quality;
mod records;
mod runtime;
mod schemas;

pub use access::keys::{ApiKey, KeyRing, Principal, Unauthorized};
pub use backup::{BackedUpSchema, BackupReceipt, BackupService};
pub use eider_formats::{column_of, value_at};
pub use error::{Error, ErrorCode};
pub use infer::{Choice, Evidence, InferenceOptions, Proposal};
pub use ingest::{
    BYTE_ORDER_MARK, BodyError, BodyFormat, BulkMode, BulkOptions, BulkOutcome, BulkReceipt, Chunk, DecodedBatch,
    DecodedBlock, DecodedChunk, IngestLimits, KeyedCreation, RecordDecoder, RecordService, StoredRecord, WarningCount,
    apply_merge_patch, body_of, infer_schema,
};
pub(crate) use ports::offered;
pub use ports::{
    ANSWER_LIFETIME, Access, Aggregator, AnswerDraft, AnswerToKeep, Backup, BackupMethod, BackupPieces, BackupSource,
    BatchWriter, CONTRADICTION_SAMPLE, Change, ChangeOutcome, Clock, CommitLog, CommitOutcome, CommitReceipt,
    CommitTerms, ConflictingKey, Conflicts, Contradiction, DataProfile, DeleteOutcome, Distribution, DraftFailures,
    Durability, EndedWrite, EvolutionOutcome, EvolutionRequest, Explainer, FailureReport, FailureReports, FieldProfile,
    Figure, IdGenerator, IdOrigin, IdempotencyRecord, IdempotencyRecords, IdentityStatistics, IndexEstimate, IndexHint,
    Indexes, KeyConflict, KeyId, MemoryLimitSource, MemoryProbe, MemoryReading, Metric, MetricUnit, MetricValue,
    OnConflict, POSITION_SEQUENCE, PROFILE_COUNTED_VALUES, PROFILE_QUANTILES, PROFILE_TEXT_CHARS, PROFILE_TOP,
    ProfileRequest, Profiler, Progress, ReadPlan, ReadRequest, ReadShape, Reads, RecordReader, RecordStream,
    RecordWriter, ReportStream, RowLines, RuleChecker, RuleOutcome, ScanRequest, SchemaCatalog, SchemaEvolution,
    SchemaStatistics, SchemaVersion, SharedKey, Sorting, Store, StoreCapabilities, StoreError, StoreErrorKind,
    StoreMetrics, StoredIssues, StoredReport, SuggestionOutcome, SuggestionRequest, Validation, ValidationRequest,
    WriteReceipt, WriteRequest, Writers, issue_columns, position_key,
};
pub use quality::advice::{IndexAdvice, IndexCandidate, UnusedIndex};
pub use quality::contradictions::Contradictions;
pub use quality::validations::{
    AppliedRules, Issues, ValidationFigures, ValidationJob, ValidationLimits, ValidationProgress, ValidationService,
    ValidationState,
};
pub use records::cursors::Cursors;
pub use records::explain::{Advice, AdviceCode, Explanation};
pub use records::query::{Groups, OffsetPage, Page, PageRequest, PageStart, QueryService, StreamRequest};
pub use records::read_log::{ReadLog, SchemaReads, SeenReads};
pub use records::tags::{Preconditions, Tags, record_tag, schema_tag};
pub use runtime::memory_guard::{MemoryFigures, MemoryGuard, MemoryGuardSettings, MemoryPressure, Reservation};
pub use runtime::system::{DigestFile, FileReports, FileStamp, KeyFile, KeyFileError, SystemClock, UuidV7Generator};
pub use runtime::{blocking, recorder, timings};
pub use schemas::SchemaService;
