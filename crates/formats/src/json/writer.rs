//! A JSON writer made for the columns of a schema: what is the same in every row is prepared once.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use eider_domain::DataType;
use serde_json::Value as Json;

use crate::column::{Column, TextForm, columns_of, types_of};
use crate::writer::{RecordWriter, Writer};

/// Writes rows of one schema as JSON objects, with a member per column, nulls included.
#[derive(Debug)]
pub struct JsonRows {
    /// What stands before each value: `{"id":`, `,"created_at":`, …
    prefixes: Vec<Box<[u8]>>,
    types: Vec<Option<DataType>>,
}

impl JsonRows {
    /// For batches with the columns of `schema`.
    pub fn new(schema: &Schema) -> Self {
        let prefixes = schema.fields().iter().enumerate().map(|(index, field)| {
            let mut prefix = vec![if index == 0 { b'{' } else { b',' }];
            JsonForm::text(field.name(), &mut prefix);
            prefix.push(b':');
            prefix.into_boxed_slice()
        });
        Self { prefixes: prefixes.collect(), types: types_of(schema) }
    }

    /// Appends the rows of the batch as the elements of a JSON array, without its brackets.
    pub fn write_elements(&self, batch: &RecordBatch, out: &mut Vec<u8>) {
        let mut columns = columns_of(batch, &self.types);
        for row in 0..batch.num_rows() {
            if row > 0 {
                out.push(b',');
            }
            self.write_row(&mut columns, row, out);
        }
    }

    /// Appends a line for each row of the batch: the row between `before` and `after`, which ends the line.
    pub fn write_lines(&self, batch: &RecordBatch, before: &[u8], after: &[u8], out: &mut Vec<u8>) {
        let mut columns = columns_of(batch, &self.types);
        for row in 0..batch.num_rows() {
            out.extend_from_slice(before);
            self.write_row(&mut columns, row, out);
            out.extend_from_slice(after);
        }
    }

    fn write_row(&self, columns: &mut [Column<'_>], row: usize, out: &mut Vec<u8>) {
        for (prefix, column) in self.prefixes.iter().zip(columns) {
            out.extend_from_slice(prefix);
            column.write::<JsonForm>(row, out);
        }
        out.push(b'}');
    }
}

/// Appends a line that is no record.
pub fn write_line(document: &Json, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = serde_json::to_writer(&mut *out, document);
    out.push(b'\n');
}

/// One array of all records.
#[derive(Debug)]
struct JsonWriter {
    rows: JsonRows,
    is_empty: bool,
}

impl JsonWriter {
    fn new(schema: &Schema) -> Self {
        Self { rows: JsonRows::new(schema), is_empty: true }
    }
}

pub(crate) const WRITER: Writer = |schema| Ok(Box::new(JsonWriter::new(schema)));

impl RecordWriter for JsonWriter {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        out.push(b'[');
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if !self.is_empty {
            out.push(b',');
        }
        self.is_empty = false;
        self.rows.write_elements(batch, out);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        out.push(b']');
        Ok(())
    }
}

/// RFC 8259.
#[derive(Debug)]
pub struct JsonForm;

impl TextForm for JsonForm {
    fn null(out: &mut Vec<u8>) {
        out.extend_from_slice(b"null");
    }

    /// What has to be escaped (section 7) is, and nothing else.
    fn text(text: &str, out: &mut Vec<u8>) {
        let needs_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        if text.as_bytes().iter().any(needs_escape) {
            // Writing to a vector cannot fail.
            let _ = serde_json::to_writer(out, text);
        } else {
            Self::plain(out, |out| out.extend_from_slice(text.as_bytes()));
        }
    }

    fn json(text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(text.as_bytes());
    }

    fn plain(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        out.push(b'"');
        write(out);
        out.push(b'"');
    }
}
