//! Bounds of batches, of records and of what a few bytes may stand for.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::IpcWriteOptions;
use eider_domain::{Schema, ViolationCode};

use super::{arrow, arrow_with, batch, carriers, flights, parquet, refusal, text_columns};
use crate::test_support::decode_in;
use crate::{Format, MemoryBudget, ReadError, ReadLimits, RecordReader, Spooling};

#[test]
fn batches_end_at_their_bounds() {
    let columns = batch(vec![("carrier", carriers(&[Some("UA"); 10]))]);
    for body in [(Format::ArrowStream, arrow(std::slice::from_ref(&columns))), (Format::Parquet, parquet(&[columns]))] {
        let limits = ReadLimits { batch_rows: 4, ..ReadLimits::default() };
        assert_eq!(decode_in(&flights(), body.0, limits, &body.1, 50).unwrap().rows, [4, 4, 2]);
        let limits = ReadLimits { batch_bytes: 4 * 34 + 1, ..ReadLimits::default() };
        assert_eq!(decode_in(&flights(), body.0, limits, &body.1, 50).unwrap().rows, [4, 4, 2]);
    }
}

#[test]
fn a_row_over_the_limit_is_refused_and_the_others_go_on() {
    let long = "x".repeat(1_000);
    let notes = [Some("a"), Some(long.as_str()), None, Some("b")];
    for note in text_columns(&notes) {
        let columns = batch(vec![("carrier", carriers(&[Some("UA"); 4])), ("note", note)]);
        let limits = ReadLimits { max_record_bytes: 500, ..ReadLimits::default() };
        for (format, body) in
            [(Format::ArrowStream, arrow(std::slice::from_ref(&columns))), (Format::Parquet, parquet(&[columns]))]
        {
            let decoded = decode_in(&flights(), format, limits, &body, 50).unwrap();
            assert_eq!(decoded.report(), [(2, "", ViolationCode::RecordTooLarge)]);
            assert_eq!(decoded.rows.iter().sum::<usize>(), 3);
            assert_eq!(decoded.lines, [1, 3, 4]);
        }
    }
}

#[test]
fn a_dictionary_that_stands_for_much_is_written_out_step_by_step() {
    let long = "x".repeat(1 << 20);
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    (0..100).for_each(|_| dictionary.append_value(&long));
    let columns = batch(vec![("carrier", carriers(&[Some("UA"); 100])), ("note", Arc::new(dictionary.finish()))]);
    for (format, body) in
        [(Format::ArrowStream, arrow(std::slice::from_ref(&columns))), (Format::Parquet, parquet(&[columns]))]
    {
        assert!(body.len() < 3 << 20);
        let decoded = decode_in(&flights(), format, ReadLimits::default(), &body, 1 << 19).unwrap();
        assert_eq!(decoded.rows.iter().sum::<usize>(), 100);
        assert!(decoded.rows.iter().all(|rows| *rows <= 4), "a batch has 4 MiB at most");
        assert!(decoded.steps >= 5, "a step has 16 MiB at most");
    }
}

#[test]
fn rows_without_columns_are_counted_before_they_are_made() {
    let nothing = Arc::new(arrow_schema::Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(1 << 40));
    let rows = RecordBatch::try_new_with_options(nothing, vec![], &options).unwrap();
    let refused = decode_in(&flights(), Format::ArrowStream, ReadLimits::default(), &arrow(&[rows]), 100);
    let Err(ReadError::MalformedBody { detail }) = refused else { panic!("{refused:?}") };
    assert_eq!(detail, "the body has too many records for a test");
}

#[test]
fn compressed_streams_are_read_and_their_declared_size_is_believed_before_it_is_reserved() {
    let columns = batch(vec![("carrier", carriers(&[Some("UA"); 5_000]))]);
    for compression in [CompressionType::ZSTD, CompressionType::LZ4_FRAME] {
        let options = IpcWriteOptions::default().try_with_compression(Some(compression)).unwrap();
        let mut body = arrow_with(std::slice::from_ref(&columns), options);
        let decoded = decode_in(&flights(), Format::ArrowStream, ReadLimits::default(), &body, 100).unwrap();
        assert_eq!(decoded.received, 5_000);
        // The length of the text, 10,000 bytes, becomes 2^40.
        let length = 10_000_i64.to_le_bytes();
        let place = body.windows(8).rposition(|bytes| bytes == length).unwrap();
        body[place..place + 8].copy_from_slice(&(1_i64 << 40).to_le_bytes());
        let detail = refusal(&flights(), Format::ArrowStream, &body);
        assert!(detail.starts_with("a batch of the Arrow body has more than"), "{detail}");
    }
}

/// A text of 2 MiB in a page of its own, in a few hundred bytes.
fn long_page() -> Vec<u8> {
    let long = "x".repeat(2 << 20);
    let columns = batch(vec![("carrier", carriers(&[Some(long.as_str())]))]);
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Compression::ZSTD(ZstdLevel::default()));
    let mut writer = ArrowWriter::try_new(Vec::new(), columns.schema(), Some(properties.build())).unwrap();
    writer.write(&columns).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn what_pages_declare_is_set_aside_before_it_is_reserved() {
    let mut body = long_page();
    // Behind the mark of the file: the type of the page, then its size, in four bytes of seven bits each.
    assert!(body[6] == 0x15 && body[7..10].iter().all(|byte| byte & 0x80 != 0));
    body[7..11].copy_from_slice(&[0xfe, 0xff, 0xff, 0x7f]);
    let memory = Arc::new(Memory::default());
    let read = |body: &[u8], limit: u64| {
        memory.limit.store(limit, Ordering::Relaxed);
        let spooling = Spooling { memory: Arc::clone(&memory) as Arc<dyn MemoryBudget>, ..Spooling::default() };
        let mut reader = RecordReader::new(Format::Parquet, flights(), ReadLimits::default(), spooling);
        reader.cut(body)?;
        for chunk in reader.end()? {
            chunk.decode()?;
        }
        Ok::<_, ReadError>(())
    };
    assert!(matches!(read(&body, 100 << 20), Err(ReadError::MemoryShort)), "128 MiB are not there");
    assert!(matches!(read(&body, 1000 << 20), Err(ReadError::MalformedBody { .. })), "there is no such page");
    assert_eq!(memory.reserved.load(Ordering::Relaxed), 0);
}

/// That a Parquet file is not read where there is less memory than this.
pub(super) fn assert_memory_short(schema: &Arc<Schema>, body: &[u8], limit: u64) {
    let memory = Arc::new(Memory { limit: AtomicU64::new(limit), ..Memory::default() });
    let spooling = Spooling { memory, ..Spooling::default() };
    let mut reader = RecordReader::new(Format::Parquet, Arc::clone(schema), ReadLimits::default(), spooling);
    reader.cut(body).unwrap();
    assert!(matches!(reader.end(), Err(ReadError::MemoryShort)));
}

/// Memory of which so much may be reserved.
#[derive(Debug, Default)]
struct Memory {
    limit: AtomicU64,
    reserved: Arc<AtomicU64>,
}

struct Reservation(u64, Arc<AtomicU64>);

impl Drop for Reservation {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0, Ordering::Relaxed);
    }
}

impl MemoryBudget for Memory {
    fn reserve(&self, bytes: u64) -> Option<Box<dyn Any + Send>> {
        if bytes > self.limit.load(Ordering::Relaxed) {
            return None;
        }
        self.reserved.fetch_add(bytes, Ordering::Relaxed);
        Some(Box::new(Reservation(bytes, Arc::clone(&self.reserved))))
    }
}

/// The engine's own COPY writes a row group of 122,880 texts of 800 characters as one page.
#[test]
fn a_page_is_as_large_as_the_whole_may_be() {
    let text = "x".repeat(800);
    let texts = vec![Some(text.as_str()); 100_000];
    let columns = batch(vec![("carrier", carriers(&[Some("UA"); 100_000])), ("note", carriers(&texts))]);
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(256 << 20)
        .set_data_page_row_count_limit(1 << 20)
        .set_compression(Compression::SNAPPY);
    let mut writer = ArrowWriter::try_new(Vec::new(), columns.schema(), Some(properties.build())).unwrap();
    writer.write(&columns).unwrap();
    let body = writer.into_inner().unwrap();
    let decoded = decode_in(&flights(), Format::Parquet, ReadLimits::default(), &body, 1 << 19).unwrap();
    assert_eq!((decoded.received, decoded.failed), (100_000, 0));
}
