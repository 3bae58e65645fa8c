//! Records in every format that bodies and answers have: what reads them, and what writes them.

mod arrow;
mod column;
mod csv;
mod format;
pub mod json;
mod ndjson;
mod parquet;
mod reader;
#[cfg(test)]
mod test_support;
mod text;
mod writer;

pub use column::value_at;
pub use format::{Format, RecordReader, Sample};
pub use reader::rows::{BYTE_ORDER_MARK, RecordBuilder, too_large};
pub use reader::sample;
pub use reader::{CheckedRows, Chunk, DecodedChunk, MemoryBudget, ReadError, ReadLimits, Spooling};
pub use text::{Column, TextForm, columns_of, is_json};
pub use writer::RecordWriter;
