//! The formats, and what reads a body of each.

mod foreign;
mod reader;
mod sample;

pub use reader::RecordReader;
pub use sample::Sample;

/// How a body holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON array of objects.
    JsonArray,
    /// One JSON object per line; blank lines are passed over.
    Ndjson,
    /// CSV (RFC 4180) with a header row; blank lines are passed over.
    Csv,
    /// An Arrow IPC stream.
    ArrowStream,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::JsonArray, Self::Ndjson, Self::Csv, Self::ArrowStream, Self::Parquet];
}
