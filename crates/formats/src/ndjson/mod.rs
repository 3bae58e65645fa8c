//! NDJSON: a JSON object a line.

pub(crate) mod writer;
