//! NDJSON: a record a line.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use serde_json::{Value as Json, json};

use crate::json::{JsonRows, write_line};
use crate::writer::{RecordWriter, Writer};

/// A record a line.
#[derive(Debug)]
struct NdjsonWriter(JsonRows);

impl NdjsonWriter {
    fn new(schema: &Schema) -> Self {
        Self(JsonRows::new(schema))
    }
}

pub(crate) const WRITER: Writer = |schema| Ok(Box::new(NdjsonWriter::new(schema)));

impl RecordWriter for NdjsonWriter {
    fn begin(&mut self, _out: &mut Vec<u8>) -> Result<(), ArrowError> {
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.0.write_lines(batch, b"", b"\n", out);
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<(), ArrowError> {
        Ok(())
    }

    fn broken(&mut self, problem: &Json, out: &mut Vec<u8>) {
        write_line(&json!({"$error": problem}), out);
    }
}
