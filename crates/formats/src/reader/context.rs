//! What every step of reading a body works with.

use std::sync::Arc;

use eider_domain::{DEFAULT_JSON_DEPTH, RecordValidator, Schema, SourceNames};

use crate::options::ReadOptions;

/// What bounds the memory that reading a body takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Longest single record, in bytes of its body.
    pub max_record_bytes: usize,
    /// How deep objects and arrays are nested within a value at most.
    pub max_json_depth: usize,
    /// Most rows of a chunk.
    pub batch_rows: usize,
    /// Bytes after which a chunk is read in another step.
    pub batch_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_record_bytes: 16 << 20,
            max_json_depth: DEFAULT_JSON_DEPTH,
            batch_rows: 16_384,
            batch_bytes: 4 << 20,
        }
    }
}

/// The schema of the records and how they are checked.
#[derive(Debug, Clone)]
pub(crate) struct ReadContext {
    pub(crate) schema: Arc<Schema>,
    /// What names in the body stand for where they are not those of the schema.
    pub(crate) names: Arc<SourceNames>,
    pub(crate) limits: ReadLimits,
    pub(crate) options: ReadOptions,
    /// Whether fields that the server keeps are passed over.
    pub(crate) ignores_read_only: bool,
}

impl ReadContext {
    /// The rules of every record.
    pub(crate) fn validator(&self) -> RecordValidator<'_> {
        let validator = RecordValidator::new(&self.schema).with_names(&self.names);
        let validator = validator.with_json_depth(self.limits.max_json_depth);
        validator.ignoring_read_only(self.ignores_read_only)
    }
}
