//! What the pages of a Parquet file say of their sizes, read before any is decoded: the reader takes them at their word
//! and reserves the memory that they declare.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use ::parquet::basic::Type as PhysicalType;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::thrift::{Compact, I32, STRUCT};
use crate::reader::ReadError;

/// Bytes of the pages at most, decompressed, that are held at once: of each column of a row group a dictionary and
/// another.
const MAX_HELD_BYTES: u64 = 1 << 30;
/// Bytes that a value of a list takes beside itself: the levels that say where it stands.
const LEVEL_BYTES: u64 = 4;
/// Values up to this width are not counted beside their pages: a batch has few enough of them.
const UUID_BYTES: u64 = 16;

/// Checks every page of a file that is read `batch_rows` rows at a time: the bytes of what is held at once.
///
/// # Errors
/// [`ReadError::MalformedBody`] when they do not add up to their column, or take more memory than they may;
/// [`ReadError::Disk`] when the disk fails.
pub(super) fn check_pages(file: &mut File, metadata: &ParquetMetaData, batch_rows: u64) -> Result<u64, ReadError> {
    check_within(file, metadata, batch_rows, MAX_HELD_BYTES)
}

fn check_within(file: &mut File, metadata: &ParquetMetaData, batch_rows: u64, most: u64) -> Result<u64, ReadError> {
    // No byte belongs to two columns: else a small file would have no end of pages.
    let mut left = file.seek(SeekFrom::End(0))?;
    let mut input = BufReader::new(file);
    let mut most_held = 0;
    for group in metadata.row_groups() {
        let mut held: u64 = 0;
        for column in group.columns() {
            let (start, length) = place(column).ok_or_else(damaged)?;
            left = left.checked_sub(length).ok_or_else(damaged)?;
            input.seek(SeekFrom::Start(start))?;
            held = held.saturating_add(check_column(&mut input, length, column, batch_rows)?);
            if held > most {
                let detail = format!(
                    "the pages of a row group of the Parquet file that are read together have more than {most} bytes; write \
                     smaller pages or row groups"
                );
                return Err(ReadError::malformed(detail));
            }
        }
        most_held = held.max(most_held);
    }
    Ok(most_held)
}

/// Where the pages of a column begin, and how many bytes they have.
fn place(column: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    Some((u64::try_from(start).ok()?, u64::try_from(column.compressed_size()).ok()?))
}

/// The bytes of the largest dictionary and of the largest other page, and those of the values that are held at once
/// where a few bytes may stand for many of them. Of lists that is all of them: a row can have any number, each repeated
/// in no space at all, and is read as one.
fn check_column(
    input: &mut BufReader<&mut File>,
    length: u64,
    column: &ColumnChunkMetaData,
    batch_rows: u64,
) -> Result<u64, ReadError> {
    let (mut left, mut dictionary, mut page, mut values): (_, u64, u64, u64) = (length, 0, 0, 0);
    while left > 0 {
        let mut reader = Compact { input: input.take(left) };
        let header = reader.header().map_err(unreadable)?;
        left = reader.input.limit();
        let size = |declared: Option<i64>| u64::try_from(declared.unwrap_or(-1)).map_err(|_| damaged());
        let (sent, decoded) = (size(header.compressed_size)?, size(header.uncompressed_size)?);
        left = left.checked_sub(sent).ok_or_else(damaged)?;
        if let Some(values) = header.dictionary_values {
            let values = u64::try_from(values).map_err(|_| damaged())?;
            if values.saturating_mul(width(column)) > decoded {
                return Err(damaged());
            }
            dictionary = decoded.max(sent).max(dictionary);
        } else {
            page = decoded.max(sent).max(page);
            values = values.saturating_add(u64::try_from(header.values.unwrap_or(0)).map_err(|_| damaged())?);
        }
        input.seek_relative(i64::try_from(sent).map_err(|_| damaged())?)?;
    }
    let written_out = if column.column_descr().max_rep_level() > 0 {
        values.saturating_mul(held_width(column) + LEVEL_BYTES)
    } else if width(column) > UUID_BYTES {
        values.min(batch_rows).saturating_mul(width(column))
    } else {
        0
    };
    Ok(dictionary.saturating_add(page).saturating_add(written_out))
}

/// The bytes of a value as it is held in memory, texts as views of their pages.
fn held_width(column: &ColumnChunkMetaData) -> u64 {
    match column.column_type() {
        PhysicalType::BYTE_ARRAY => 16,
        _ => width(column),
    }
}

/// The fewest bytes of a value in a dictionary.
fn width(column: &ColumnChunkMetaData) -> u64 {
    match column.column_type() {
        PhysicalType::BOOLEAN => 1,
        PhysicalType::INT32 | PhysicalType::FLOAT | PhysicalType::BYTE_ARRAY => 4,
        PhysicalType::INT64 | PhysicalType::DOUBLE => 8,
        PhysicalType::INT96 => 12,
        PhysicalType::FIXED_LEN_BYTE_ARRAY => {
            u64::try_from(column.column_descr().type_length()).unwrap_or_default().max(1)
        }
    }
}

fn damaged() -> ReadError {
    ReadError::malformed("the Parquet file is damaged")
}

fn unreadable(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => damaged(),
        _ => error.into(),
    }
}

/// The header of a page, as far as it says how much memory the page takes.
#[derive(Debug, Default)]
struct Header {
    uncompressed_size: Option<i64>,
    compressed_size: Option<i64>,
    /// Of a dictionary: how many values it has.
    dictionary_values: Option<i64>,
    /// Of a page of values: how many.
    values: Option<i64>,
}

impl<R: BufRead> Compact<R> {
    /// A `PageHeader` (parquet-format, `parquet.thrift`).
    fn header(&mut self) -> io::Result<Header> {
        let mut header = Header::default();
        let mut last = 0;
        while let Some((id, kind)) = self.field(last)? {
            match (id, kind) {
                (2, I32) => header.uncompressed_size = Some(self.integer()?),
                (3, I32) => header.compressed_size = Some(self.integer()?),
                (7, STRUCT) => header.dictionary_values = Some(self.values()?),
                // A `DataPageHeader` or a `DataPageHeaderV2`.
                (5 | 8, STRUCT) => header.values = Some(self.values()?),
                _ => self.skip(kind, 0)?,
            }
            last = id;
        }
        Ok(header)
    }

    /// The first field of what is special to a kind of page.
    fn values(&mut self) -> io::Result<i64> {
        let (mut values, mut last) = (-1, 0);
        while let Some((id, kind)) = self.field(last)? {
            match (id, kind) {
                (1, I32) => values = self.integer()?,
                _ => self.skip(kind, 1)?,
            }
            last = id;
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use ::parquet::arrow::ArrowWriter;
    use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use ::parquet::basic::{Compression, ZstdLevel};
    use ::parquet::file::properties::WriterProperties;
    use arrow_array::{ArrayRef, RecordBatch, StringArray};

    use super::*;

    /// A text of 2 MiB, in a page of its own.
    fn body(columns: usize) -> Vec<u8> {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(2 << 20)]));
        let names = ["a", "b", "c", "d"];
        let batch =
            RecordBatch::try_from_iter(names.iter().take(columns).map(|name| (*name, Arc::clone(&text)))).unwrap();
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_compression(Compression::ZSTD(ZstdLevel::default()));
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    fn checked(body: &[u8], most: u64) -> Result<u64, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(body).unwrap();
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).unwrap();
        check_within(&mut file, metadata.metadata(), 1024, most).map_err(|error| error.to_string())
    }

    #[test]
    fn the_pages_of_a_file_add_up_to_its_columns() {
        let held = checked(&body(3), MAX_HELD_BYTES).unwrap();
        assert!((6 << 20..7 << 20).contains(&held), "{held}");
        let refused = checked(&body(3), 5 << 20).unwrap_err();
        assert!(refused.contains("that are read together have more than 5242880 bytes"), "{refused}");
    }

    #[test]
    fn every_kind_of_field_is_passed_over() {
        let fields = [
            &[0x15, 0x02, 0x15, 0x10, 0x15, 0x0c][..], // 1, 2 and 3: whole numbers
            &[0x11, 0x12, 0x13, 0xff, 0x14, 0x02],     // true, false, a byte, 16 bits
            &[0x17, 1, 2, 3, 4, 5, 6, 7, 8, 0x18, 2, b'x', b'y'], // a double, two bytes
            &[0x19, 0x21, 1, 2, 0x1a, 0x15, 0x02],     // a list of two truths, a set of a number
            &[0x1b, 1, 0x58, 0x02, 1, b'z', 0x1b, 0],  // a map of one, an empty one
            &[0x1c, 0x1c, 0x15, 0x02, 0x00, 0x00],     // a struct in a struct
            &[0x0c, 0x0e, 0x15, 0x08, 0x00, 0x00],     // number 7 in full: a dictionary of four
        ];
        let bytes = fields.concat();
        let mut reader = Compact { input: bytes.as_slice() };
        let header = reader.header().unwrap();
        assert!(reader.input.is_empty());
        let sizes = (header.uncompressed_size, header.compressed_size, header.dictionary_values);
        assert_eq!(sizes, (Some(8), Some(6), Some(4)));
    }
}
