//! CSV (RFC 4180) that the CSV of bulk calls reads back as the same values.
//!
//! Written here because the libraries' writers cannot tell a null from empty text, which is `""`.

use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, Schema};
use eider_domain::DataType;

use crate::column::{TextForm, columns_of, types_of};
use crate::writer::{RecordWriter, Writer};

/// A header row, then a row for each record. Lines end with CRLF.
#[derive(Debug)]
struct CsvWriter<const DELIMITER: u8> {
    header: Vec<u8>,
    types: Vec<Option<DataType>>,
    /// The only column, of a type without empty text. A null there is `""`: an empty line would be no row.
    is_lone_value: bool,
}

impl<const DELIMITER: u8> CsvWriter<DELIMITER> {
    fn new(schema: &Schema) -> Self {
        let names: Vec<String> = schema.fields().iter().map(|field| header_cell(field.name())).collect();
        let types = types_of(schema);
        let is_lone_value = names.len() == 1 && types[0] != Some(DataType::String);
        let header = format!("{}\r\n", names.join(&char::from(DELIMITER).to_string()));
        Self { header: header.into_bytes(), types, is_lone_value }
    }
}

/// The cell of a name in the header: in quotes unless it is plain, so that no reader takes part of it for a mark of the
/// byte order, for white space to be passed over, or for what separates cells.
fn header_cell(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    let is_inner = |c: char| is_plain(c) || c == ' ';
    if name.starts_with(is_plain) && name.ends_with(is_plain) && name.chars().all(is_inner) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) const WRITER: Writer = |schema| Ok(Box::new(CsvWriter::<b','>::new(schema)));
/// The same with tabs between cells.
pub(crate) const TSV_WRITER: Writer = |schema| Ok(Box::new(CsvWriter::<b'\t'>::new(schema)));

impl<const DELIMITER: u8> RecordWriter for CsvWriter<DELIMITER> {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        out.extend_from_slice(&self.header);
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let mut columns = columns_of(batch, &self.types);
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter_mut().enumerate() {
                if index > 0 {
                    out.push(DELIMITER);
                }
                column.write::<CsvForm<DELIMITER>>(row, out);
            }
            if self.is_lone_value && batch.column(0).is_null(row) {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<(), ArrowError> {
        Ok(())
    }
}

/// RFC 4180, section 2. A null is an empty cell, empty text a quoted one.
struct CsvForm<const DELIMITER: u8>;

impl<const DELIMITER: u8> TextForm for CsvForm<DELIMITER> {
    fn null(_out: &mut Vec<u8>) {}

    fn text(text: &str, out: &mut Vec<u8>) {
        let needs_quotes = |byte: &u8| *byte == DELIMITER || matches!(byte, b'"' | b'\r' | b'\n');
        if !text.is_empty() && !text.as_bytes().iter().any(needs_quotes) {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        out.push(b'"');
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    }

    fn json(text: &str, out: &mut Vec<u8>) {
        Self::text(text, out);
    }

    fn plain(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        write(out);
    }
}
