//! NDJSON whose lines say what they are, with cursors between the records.

use std::num::NonZeroUsize;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use eider_application::records::Cursors;
use eider_formats::RecordWriter;
use eider_formats::json::{JsonRows, write_line};
use serde_json::{Value as Json, json};

/// Lines `{"t":"row","record":{…}}`, with `{"t":"cursor",…}` behind every so many of them, and `{"t":"end",…}` or
/// `{"t":"error",…}` at the end. Takes batches with positions.
#[derive(Debug)]
pub(crate) struct FramedWriter {
    rows: JsonRows,
    cursors: Cursors,
    /// Rows between two cursor lines.
    checkpoint_rows: NonZeroUsize,
    written: usize,
    /// Where the stream has come to: the cursor of the last row, at first the one that the stream goes on from.
    reached: Option<String>,
}

impl FramedWriter {
    /// For a scan whose columns are those of `schema`, the positions among them. `resumed` is the cursor that the
    /// stream goes on from.
    pub(crate) fn new(
        schema: &Schema,
        cursors: Cursors,
        checkpoint_rows: NonZeroUsize,
        resumed: Option<String>,
    ) -> Self {
        let rows = JsonRows::new(&cursors.visible(schema));
        Self { rows, cursors, checkpoint_rows, written: 0, reached: resumed }
    }
}

impl RecordWriter for FramedWriter {
    fn begin(&mut self, _out: &mut Vec<u8>) -> Result<(), ArrowError> {
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let records = self.cursors.records(batch).map_err(|error| ArrowError::ExternalError(error.into()))?;
        let mut row = 0;
        while row < records.num_rows() {
            let until_cursor = self.checkpoint_rows.get() - self.written % self.checkpoint_rows;
            let count = until_cursor.min(records.num_rows() - row);
            self.rows.write_lines(&records.slice(row, count), b"{\"t\":\"row\",\"record\":", b"}\n", out);
            (row, self.written) = (row + count, self.written + count);
            if count == until_cursor {
                let cursor = self.cursors.cursor(batch, row - 1);
                write_line(&json!({"t": "cursor", "cursor": cursor, "rows": self.written}), out);
            }
        }
        if row > 0 {
            self.reached = Some(self.cursors.cursor(batch, row - 1));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        write_line(&json!({"t": "end", "cursor": self.reached, "rows": self.written}), out);
        Ok(())
    }

    fn broken(&mut self, problem: &Json, out: &mut Vec<u8>) {
        write_line(&json!({"t": "error", "problem": problem, "cursor": self.reached, "rows": self.written}), out);
    }
}
