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
