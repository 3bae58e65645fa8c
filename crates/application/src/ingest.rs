//! Use cases that write records, and the decoding of bodies into checked record batches.

mod arrow_stream;
mod assembler;
mod body;
mod bulk;
mod chunk;
mod columnar;
mod columns;
mod csv;
mod decoder;
mod failures;
mod foreign;
mod framing;
mod idempotency;
mod json;
mod keyed;
mod merge;
mod parquet;
mod patch;
mod pipeline;
mod read_only;
mod receipt;
mod record_builder;
mod rows;
mod sample;
mod service;
#[cfg(test)]
mod test_support;
mod turns;
mod warnings;

use arrow_schema::ArrowError;

pub use body::{BodyError, body_of};
pub use bulk::{BulkMode, BulkOptions};
pub use chunk::{Chunk, DecodedChunk};
pub use decoder::{DecodedBatch, DecodedBlock, IngestLimits, RecordDecoder, RowLines};
pub use framing::{BYTE_ORDER_MARK, BodyFormat};
pub use keyed::KeyedCreation;
pub use patch::apply as apply_merge_patch;
pub use receipt::{BulkOutcome, BulkReceipt};
pub use sample::infer_schema;
pub use service::{IngestService, StoredRecord};
pub use warnings::WarningCount;

use eider_domain::{Violation, ViolationCode};

use crate::{Error, StoreError, StoreErrorKind};

/// Arrow refused to put together columns that the code itself made.
pub(crate) fn arrow_fault(error: ArrowError) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "columns do not fit together").with_source(error)
}

/// The failure of a single record: of its JSON when that is at fault, else of its rules.
fn invalid_record(violations: Vec<Violation>) -> Error {
    match violations.iter().find(|violation| violation.code == ViolationCode::MalformedJson) {
        Some(malformed) if malformed.pointer.is_empty() => Error::MalformedJson { detail: malformed.detail.clone() },
        Some(malformed) => Error::MalformedValue(malformed.clone()),
        None => Error::RecordInvalid(violations),
    }
}
