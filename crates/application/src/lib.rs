//! Ports and use cases: the only vocabulary that storage adapters and edges share.
//!
//! A port is a trait that an adapter implements ([`RecordStore`], [`SchemaCatalog`], [`Clock`],
//! [`IdGenerator`]). A use case is a method of [`SchemaService`], [`IngestService`] or [`QueryService`]. Rows
//! cross both as Arrow record batches, never one by one.

pub mod blocking;
mod cell;
mod cursors;
mod error;
mod explain;
mod ingest;
mod keys;
mod ports;
mod query;
mod schemas;
mod system;

pub use cell::value_at;
pub use cursors::Cursors;
pub use error::{Error, ErrorCode};
pub use explain::{Advice, AdviceCode, Explanation};
pub use ingest::{
    BodyError, BodyFormat, BulkMode, BulkOptions, BulkOutcome, BulkReceipt, Chunk, DecodedBatch, DecodedBlock,
    DecodedChunk, IngestLimits, IngestService, KeyedCreation, Precondition, RecordDecoder, RowLines, StoredRecord,
};
pub use keys::{ApiKey, KeyId, KeyRing, Principal, Unauthorized};
pub use ports::{
    ANSWER_LIFETIME, Access, AnswerToKeep, BatchWriter, Change, ChangeOutcome, Clock, CommitOutcome, CommitReceipt,
    CommitTerms, ConflictingKey, ConnectionFigures, DeleteOutcome, Durability, FailureReport, FailureReports, IdCheck,
    IdGenerator, IdOrigin, IdentityStatistics, IndexHint, IndexStatistics, KeptAnswer, KeyConflict, OnConflict,
    POSITION_SEQUENCE, ReadPlan, ReadRequest, RecordCacheFigures, RecordStore, RecordStream, ReportStream, ScanRequest,
    SchemaCatalog, SchemaStatistics, Sorting, StoreCapabilities, StoreError, StoreErrorKind, StoreFigures,
    StoredReport, WriteReceipt, WriteRequest, position_key,
};
pub use query::{Groups, OffsetPage, Page, PageRequest, PageStart, QueryService, StreamRequest};
pub use schemas::{SchemaDescription, SchemaService};
pub use system::{FileReports, FileStamp, KeyFile, KeyFileError, SystemClock, UuidV7Generator};
