//! What the readers of all formats share.
//!
//! Formats come in two kinds. Those of [`rows`] hold record after record, as JSON and CSV do; those of [`columnar`]
//! hold batches of columns, as Arrow and Parquet do. Either way a body becomes [`chunk`]s, and the records of a chunk
//! become columns of the schema, checked by the rules of the domain. [`sample`] reads bodies without a schema.

pub(crate) mod chunk;
pub(crate) mod columnar;
mod context;
mod error;
pub(crate) mod rows;
pub mod sample;
pub(crate) mod slots;
mod spool;

pub use chunk::{CheckedRows, Chunk, DecodedChunk};
pub(crate) use context::ReadContext;
pub use context::ReadLimits;
pub use error::ReadError;
pub use spool::{MemoryBudget, Spooling};

use self::columnar::ColumnSource;
use self::rows::{Framer, Records};
use self::sample::{Finding, RecordSampler};
use crate::options::ReadOptions;

/// Bytes that are waited for, so that a body can say in them how it is written.
pub(crate) const OPENING_BYTES: usize = 64;

/// The opening of a format whose bodies say nothing of how they are written.
pub(crate) const SAYS_NOTHING: fn(&[u8], &mut ReadOptions) -> Result<(), String> = |_, _| Ok(());

/// The detection of a format whose bodies are written in one way.
pub(crate) const FINDS_NOTHING: fn(&[u8], bool, &mut ReadOptions) -> Vec<Finding> = |_, _, _| Vec::new();

/// How bodies of a format are read.
#[derive(Debug)]
pub(crate) enum Reader {
    /// They hold record after record.
    Rows(&'static RowFormat),
    /// They hold batches of columns. The first bytes say what reads them. What waits until it is whole does so where it
    /// is said, and is read so many rows at a time.
    Columns(fn(&[u8], Spooling, usize) -> Box<dyn ColumnSource>),
}

/// How bodies that hold record after record are read.
#[derive(Debug)]
pub(crate) struct RowFormat {
    /// Takes what a body says in its first bytes of how it is written into the options; a sentence about what does not
    /// agree with them.
    pub(crate) opening: fn(&[u8], &mut ReadOptions) -> Result<(), String>,
    /// Completes the options by what the beginning of a body speaks for, and says why; with whether there is no more.
    pub(crate) detect: fn(&[u8], bool, &mut ReadOptions) -> Vec<Finding>,
    /// What cuts a body into records of at most so many bytes.
    pub(crate) framer: fn(usize, &ReadOptions) -> Box<dyn Framer>,
    pub(crate) records: Records,
    /// What reads a body without a schema.
    pub(crate) sampler: fn(&ReadOptions) -> Box<dyn RecordSampler>,
}
