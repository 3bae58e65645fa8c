//! Rows of Arrow and Parquet as JSON, for those who mend them.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};
use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_json::WriterBuilder;
use arrow_json::writer::LineDelimited;
use arrow_schema::{ArrowError, DataType, Schema};
use eider_application::ingest::BodyFormat;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// What a file of Arrow begins with; a stream does not.
const FILE_MAGIC: &[u8] = b"ARROW1";

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// Hands on the rows of these numbers, from 1 and in their order, as JSON.
///
/// # Errors
/// When the input cannot be read, or has values that JSON would have in another form than bulk calls.
pub(super) fn each_row(
    mut input: impl Read,
    format: BodyFormat,
    rows: &[u64],
    mut take: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut file = tempfile::tempfile().context("cannot create a temporary file")?;
    io::copy(&mut input, &mut file).context("cannot copy the input into a temporary file")?;
    file.rewind()?;
    let mut rows = rows.iter().copied().peekable();
    let mut before = 0;
    for batch in batches_of(file, format)? {
        let batch = batch?;
        let end = before + batch.num_rows() as u64;
        while let Some(row) = rows.next_if(|row| *row <= end) {
            let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
            writer.write(&batch.slice(usize::try_from(row - before - 1)?, 1))?;
            writer.finish()?;
            take(row, &writer.into_inner())?;
        }
        before = end;
        if rows.peek().is_none() {
            break;
        }
    }
    Ok(())
}

fn batches_of(file: File, format: BodyFormat) -> Result<Batches> {
    if format == BodyFormat::Parquet {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
        ensure_plain(reader.schema())?;
        return Ok(Box::new(reader.build()?));
    }
    let mut magic = [0; FILE_MAGIC.len()];
    file.read_exact_at(&mut magic, 0)?;
    if magic == FILE_MAGIC {
        let reader = FileReader::try_new(BufReader::new(file), None)?;
        ensure_plain(&reader.schema())?;
        return Ok(Box::new(reader));
    }
    let reader = StreamReader::try_new(BufReader::new(file), None)?;
    ensure_plain(&reader.schema())?;
    Ok(Box::new(reader))
}

/// Refuses columns of bytes: the library writes them in another form than a bulk call reads.
fn ensure_plain(schema: &Schema) -> Result<()> {
    let is_bytes = |data_type: &DataType| {
        use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
        matches!(data_type, Binary | BinaryView | FixedSizeBinary(_) | LargeBinary)
    };
    let mut fields = schema.flattened_fields().into_iter();
    ensure!(!fields.any(|field| is_bytes(field.data_type())), "it has columns of bytes");
    Ok(())
}
