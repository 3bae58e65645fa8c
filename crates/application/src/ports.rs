//! What the use cases ask of the outside: a store, a catalog, a clock and a source of ids.

mod backup;
mod catalog;
mod change;
mod error;
mod evolution;
mod figures;
mod memory;
mod plan;
mod profile;
mod record_stream;
mod reports;
mod store;
mod time;
mod validation;
mod write;

pub use backup::Backup;
pub use catalog::{IdCheck, IdentityStatistics, SchemaCatalog, SchemaStatistics};
pub use change::{Change, ChangeOutcome, CommitReceipt, DeleteOutcome};
pub use error::{StoreError, StoreErrorKind};
pub use evolution::{CONTRADICTION_SAMPLE, Contradiction, EvolutionOutcome, EvolutionRequest, SchemaVersion};
pub use figures::{
    CheckpointFigures, CommitFigures, ConnectionFigures, Distribution, EngineMemory, EvolutionFigures, FileFigures,
    MemoryTag, RecordCacheFigures, StoreFigures,
};
pub use memory::{MemoryLimitSource, MemoryProbe, MemoryReading};
pub use plan::{Access, IndexHint, ReadPlan, ReadRequest, Sorting};
pub use profile::{
    DataProfile, FieldProfile, Figure, PROFILE_COUNTED_VALUES, PROFILE_QUANTILES, PROFILE_TEXT_CHARS, PROFILE_TOP,
    ProfileRequest,
};
pub use record_stream::RecordStream;
pub use reports::{FailureReport, FailureReports, ReportStream, StoredReport};
pub use store::{Durability, POSITION_SEQUENCE, RecordStore, ScanRequest, StoreCapabilities, position_key};
pub use time::{Clock, IdGenerator};
pub use validation::{
    RuleOutcome, StoredIssues, SuggestionOutcome, SuggestionRequest, Validation, ValidationRequest, issue_columns,
};
pub use write::{
    ANSWER_LIFETIME, AnswerToKeep, BatchWriter, CommitOutcome, CommitTerms, ConflictingKey, IdOrigin, KeptAnswer,
    KeyConflict, OnConflict, SharedKey, WriteReceipt, WriteRequest,
};
