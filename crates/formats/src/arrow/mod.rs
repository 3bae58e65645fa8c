//! Arrow IPC streams: a schema, then batches of columns.

pub(crate) mod reader;
pub(crate) mod writer;
