//! Use cases that write records, and bodies that become batches of them on the way. What reads the formats of bodies is
//! `eider_formats`.

mod assembler;
mod body;
mod bulk;
mod chunk;
mod decoder;
mod failures;
mod idempotency;
mod infer;
mod keyed;
mod names;
mod patch;
mod pipeline;
mod read_only;
mod receipt;
mod record_queues;
mod service;
#[cfg(test)]
mod test_support;
mod warnings;

use std::any::Any;

use arrow_schema::ArrowError;

pub use body::{BodyError, body_of};
pub use bulk::{BulkMode, BulkOptions, ReadOnlyFields};
pub use chunk::{Chunk, DecodedChunk};
pub use decoder::{DecodedBatch, DecodedBlock, IngestLimits, RecordDecoder};
pub use eider_formats::{
    BYTE_ORDER_MARK, Format as BodyFormat, OptionError, ReadOptions, csv_dialect, options::CsvDialect,
    options::Delimiter, options::OPTIONS as READ_OPTIONS, options::ReadOption,
};
pub use infer::infer_schema;
pub use keyed::KeyedCreation;
pub use names::{IgnoredName, RenamedName};
pub use patch::apply as apply_merge_patch;
pub use receipt::{BulkOutcome, BulkReceipt};
pub use service::{RecordService, StoredRecord};
pub use warnings::WarningCount;

use eider_domain::{Violation, ViolationCode};

use eider_formats::{MemoryBudget, ReadError};

use crate::Error;
use crate::ports::StoreError;
use crate::runtime::MemoryGuard;

/// Arrow refused to put together columns that the code itself made.
pub(crate) fn arrow_fault(error: ArrowError) -> StoreError {
    StoreError::of_columns(error)
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::MalformedJson { detail } => Self::MalformedJson { detail },
            ReadError::MalformedBody { detail } => Self::MalformedBody { detail },
            ReadError::SchemaInvalid(violations) => Self::SchemaInvalid(violations),
            ReadError::Disk(error) => Self::Store(StoreError::of_disk(error)),
            ReadError::MemoryShort => Self::Store(StoreError::unavailable("memory", "memory is short")),
            ReadError::Columns(error) => Self::Store(arrow_fault(error)),
        }
    }
}

impl MemoryBudget for MemoryGuard {
    fn reserve(&self, bytes: u64) -> Option<Box<dyn Any + Send>> {
        self.reserve_now(bytes).map(|reservation| Box::new(reservation) as Box<dyn Any + Send>)
    }
}

/// The failure of a single record: of its JSON when that is at fault, else of its rules.
fn invalid_record(violations: Vec<Violation>) -> Error {
    match violations.iter().find(|violation| violation.code == ViolationCode::MalformedJson) {
        Some(malformed) if malformed.pointer.is_empty() => Error::MalformedJson { detail: malformed.detail.clone() },
        Some(malformed) => Error::MalformedValue(malformed.clone()),
        None => Error::RecordInvalid(violations),
    }
}
