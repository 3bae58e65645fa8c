//! Ports and use cases: the only vocabulary that storage adapters and edges share.
//!
//! A port is a trait that an adapter implements ([`RecordStore`], [`SchemaCatalog`], [`Clock`],
//! [`IdGenerator`]). A use case is a method of [`SchemaService`], [`IngestService`] or [`QueryService`]. Rows
//! cross both as Arrow record batches, never one by one.

pub mod blocking;
mod error;
mod ingest;
mod ports;
mod query;
mod schemas;
mod system;

pub use error::{Error, ErrorCode};
pub use ingest::{
    BodyError, BodyFormat, BulkOutcome, BulkReceipt, DecodedBatch, DecodedBlock, IngestLimits, IngestService,
    RecordDecoder,
};
pub use ports::{
    BatchWriter, Clock, CommitOutcome, CommitReceipt, ConflictingKey, Durability, IdGenerator, IdOrigin,
    IndexStatistics, KeyConflict, KeyConflicts, POSITION_SEQUENCE, RecordStore, RecordStream, ScanRequest,
    SchemaCatalog, SchemaStatistics, StoreCapabilities, StoreError, StoreErrorKind, WriteRequest, position_key,
};
pub use query::{OffsetPage, Page, PageRequest, PageStart, QueryService};
pub use schemas::{SchemaDescription, SchemaService};
pub use system::{SystemClock, UuidV7Generator};
