//! What the use cases ask of the outside: a store, a catalog, a clock and a source of ids.

mod catalog;
mod error;
mod record_stream;
mod store;
mod time;

pub use catalog::{IndexStatistics, SchemaCatalog, SchemaStatistics};
pub use error::{StoreError, StoreErrorKind};
pub use record_stream::RecordStream;
pub use store::{
    BatchWriter, CommitOutcome, CommitReceipt, ConflictingKey, Durability, IdOrigin, KeyConflict, KeyConflicts,
    POSITION_SEQUENCE, RecordStore, ScanRequest, StoreCapabilities, WriteRequest, position_key,
};
pub use time::{Clock, IdGenerator};
