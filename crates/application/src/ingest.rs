//! Use cases that write records, and the decoding of bodies into checked record batches.

mod arrow_stream;
mod columnar;
mod columns;
mod compact;
mod csv;
mod decoder;
mod framing;
mod json;
mod parquet;
mod receipt;
mod record_builder;
mod rows;
mod service;

use arrow_schema::ArrowError;

pub use decoder::{DecodedBatch, DecodedBlock, IngestLimits, RecordDecoder};
pub use framing::BodyFormat;
pub use receipt::{BulkOutcome, BulkReceipt};
pub use service::{BodyError, IngestService};

use crate::{StoreError, StoreErrorKind};

/// Arrow refused to put together columns that the code itself made.
pub(crate) fn arrow_fault(error: ArrowError) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "columns do not fit together").with_source(error)
}
