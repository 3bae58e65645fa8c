//! Bounds of batches, of records and of what a few bytes may stand for.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::IpcWriteOptions;
use eider_domain::ViolationCode;

use super::{arrow, arrow_with, batch, carriers, flights, parquet, refusal, text_columns};
use crate::ingest::parquet::Spooling;
use crate::ingest::test_support::{decode_in, decoder};
use crate::ingest::{BodyFormat, IngestLimits};
use crate::{Error, MemoryGuard, MemoryGuardSettings, MemoryLimitSource, MemoryReading};

#[test]
fn batches_end_at_their_bounds() {
    let columns = batch(vec![("carrier", carriers(&[Some("UA"); 10]))]);
    for body in
        [(BodyFormat::ArrowStream, arrow(std::slice::from_ref(&columns))), (BodyFormat::Parquet, parquet(&[columns]))]
    {
        let limits = IngestLimits { batch_rows: 4, ..IngestLimits::default() };
        assert_eq!(decode_in(&flights(), body.0, limits, &body.1, 50).unwrap().rows(), [4, 4, 2]);
        let limits = IngestLimits { batch_bytes: 4 * 34 + 1, ..IngestLimits::default() };
        assert_eq!(decode_in(&flights(), body.0, limits, &body.1, 50).unwrap().rows(), [4, 4, 2]);
        let limits = IngestLimits { max_records: 9, ..IngestLimits::default() };
        let refused = decode_in(&flights(), body.0, limits, &body.1, 50);
        assert!(matches!(refused, Err(Error::TooManyRecords { limit: 9 })));
    }
}

#[test]
fn a_row_over_the_limit_is_refused_and_the_others_go_on() {
    let long = "x".repeat(1_000);
    let notes = [Some("a"), Some(long.as_str()), None, Some("b")];
    for note in text_columns(&notes) {
        let columns = batch(vec![("carrier", carriers(&[Some("UA"); 4])), ("note", note)]);
        let limits = IngestLimits { max_record_bytes: 500, ..IngestLimits::default() };
        for (format, body) in [
            (BodyFormat::ArrowStream, arrow(std::slice::from_ref(&columns))),
            (BodyFormat::Parquet, parquet(&[columns])),
        ] {
            let decoded = decode_in(&flights(), format, limits, &body, 50).unwrap();
            assert_eq!(decoded.report(), [(2, "", ViolationCode::RecordTooLarge)]);
            assert_eq!(decoded.rows().iter().sum::<usize>(), 3);
            let lines = decoded.decoder.into_lines();
            assert_eq!([0, 1, 2].map(|row| lines.line_of(row)), [1, 3, 4]);
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
        [(BodyFormat::ArrowStream, arrow(std::slice::from_ref(&columns))), (BodyFormat::Parquet, parquet(&[columns]))]
    {
        assert!(body.len() < 3 << 20);
        let decoded = decode_in(&flights(), format, IngestLimits::default(), &body, 1 << 19).unwrap();
        assert_eq!(decoded.rows().iter().sum::<usize>(), 100);
        assert!(decoded.rows().iter().all(|rows| *rows <= 4), "a batch has 4 MiB at most");
        assert!(decoded.steps >= 5, "a step has 16 MiB at most");
    }
}

#[test]
fn rows_without_columns_are_counted_before_they_are_made() {
    let nothing = Arc::new(arrow_schema::Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(1 << 40));
    let rows = RecordBatch::try_new_with_options(nothing, vec![], &options).unwrap();
    let refused = decode_in(&flights(), BodyFormat::ArrowStream, IngestLimits::default(), &arrow(&[rows]), 100);
    assert!(matches!(refused, Err(Error::TooManyRecords { .. })));
}

#[test]
fn compressed_streams_are_read_and_their_declared_size_is_believed_before_it_is_reserved() {
    let columns = batch(vec![("carrier", carriers(&[Some("UA"); 5_000]))]);
    for compression in [CompressionType::ZSTD, CompressionType::LZ4_FRAME] {
        let options = IpcWriteOptions::default().try_with_compression(Some(compression)).unwrap();
        let mut body = arrow_with(std::slice::from_ref(&columns), options);
        let decoded = decode_in(&flights(), BodyFormat::ArrowStream, IngestLimits::default(), &body, 100).unwrap();
        assert_eq!(decoded.decoder.received(), 5_000);
        // The length of the text, 10,000 bytes, becomes 2^40.
        let length = 10_000_i64.to_le_bytes();
        let place = body.windows(8).rposition(|bytes| bytes == length).unwrap();
        body[place..place + 8].copy_from_slice(&(1_i64 << 40).to_le_bytes());
        let detail = refusal(&flights(), BodyFormat::ArrowStream, &body);
        assert!(detail.starts_with("a batch of the Arrow stream has more than"), "{detail}");
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
    let memory = MemoryGuard::new(MemoryGuardSettings::default());
    let limit = |mebibytes: u64| MemoryReading {
        limit_bytes: mebibytes << 20,
        used_bytes: 0,
        resident_bytes: 0,
        source: MemoryLimitSource::Setting,
    };
    let read = |body: &[u8]| {
        let spooling = Spooling { memory: memory.clone(), ..Spooling::default() };
        let mut decoder = decoder(&flights(), BodyFormat::Parquet, IngestLimits::default()).with_spooling(spooling);
        decoder.decode(body)?;
        decoder.finish()
    };
    memory.observe(limit(100));
    let Err(Error::Store(refused)) = read(&body) else { panic!("128 MiB are not there") };
    assert_eq!(refused.budget(), Some("memory"));
    memory.observe(limit(1000));
    assert!(matches!(read(&body), Err(Error::MalformedBody { .. })), "there is no such page");
    assert_eq!(memory.figures().reserved_bytes, 0);
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
    let decoded = decode_in(&flights(), BodyFormat::Parquet, IngestLimits::default(), &body, 1 << 19).unwrap();
    assert_eq!((decoded.decoder.received(), decoded.decoder.failed()), (100_000, 0));
}
