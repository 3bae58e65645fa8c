//! Any valid records survive any format, wherever the pieces of the body end.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_select::concat::concat_batches;
use eider_application::{BodyFormat, IngestLimits, RecordDecoder, value_at};
use eider_domain::{DataType, Property, RECORD_FIELD_COUNT, Schema};
use eider_testkit::{SequentialIds, created_at, strategies};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use crate::encodings::{FORMATS, encoded};

/// The id and the properties of records: what a client may send.
fn sendable(batch: &RecordBatch) -> RecordBatch {
    let columns: Vec<usize> = std::iter::once(0).chain(RECORD_FIELD_COUNT..batch.num_columns()).collect();
    batch.project(&columns).unwrap()
}

fn arrow(batch: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn parquet(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn csv(schema: &Schema, batch: &RecordBatch) -> Vec<u8> {
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    let types: Vec<DataType> =
        std::iter::once(DataType::Uuid).chain(schema.properties().iter().map(|p| p.data_type)).collect();
    let mut lines = vec![names.join(",")];
    for row in 0..batch.num_rows() {
        let cells = types.iter().zip(batch.columns()).map(|(data_type, column)| {
            let text = value_at(*data_type, column, row).text(*data_type);
            text.map_or_else(String::new, |text| format!("\"{}\"", text.replace('"', "\"\"")))
        });
        lines.push(cells.collect::<Vec<_>>().join(","));
    }
    lines.join("\r\n").into_bytes()
}

/// Decodes a body cut at `cuts` into the one batch that it holds.
fn decode(schema: &Arc<Schema>, format: BodyFormat, body: &[u8], cuts: &[usize]) -> RecordBatch {
    let mut batches = decode_all(schema, format, body, cuts);
    assert_eq!(batches.len(), 1, "{format:?}");
    batches.remove(0)
}

/// Decodes a body cut at `cuts` and puts its batches together.
fn decode_whole(schema: &Arc<Schema>, format: BodyFormat, body: &[u8], cuts: &[usize]) -> RecordBatch {
    concat_batches(schema.arrow(), &decode_all(schema, format, body, cuts)).unwrap()
}

fn decode_all(schema: &Arc<Schema>, format: BodyFormat, body: &[u8], cuts: &[usize]) -> Vec<RecordBatch> {
    let ids = Arc::new(SequentialIds::new());
    let mut decoder = RecordDecoder::new(Arc::clone(schema), format, IngestLimits::default(), created_at(), ids);
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).chain([0, body.len()]).collect();
    places.sort_unstable();
    let mut batches = Vec::new();
    let mut failures = Vec::new();
    for place in places.windows(2) {
        let block = decoder.decode(&body[place[0]..place[1]]).unwrap();
        batches.extend(block.batches);
        failures.extend(block.failures);
    }
    let block = decoder.finish().unwrap();
    assert!(!decoder.has_more());
    batches.extend(block.batches);
    failures.extend(block.failures);
    assert_eq!(failures, [], "{format:?}");
    batches.into_iter().map(|batch| batch.records).collect()
}

/// A schema and records of it.
fn generated() -> impl Strategy<Value = (Arc<Schema>, RecordBatch)> {
    strategies::definition().prop_flat_map(|definition| {
        let schema = Arc::new(Schema::new(definition, 1, created_at()));
        (Just(Arc::clone(&schema)), strategies::records(schema, 1..12))
    })
}

proptest! {
    #[test]
    fn any_records_survive_any_format(
        (schema, batch) in generated(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let sent = sendable(&batch);
        for (format, body) in [
            (BodyFormat::Csv, csv(&schema, &sent)),
            (BodyFormat::ArrowStream, arrow(&sent, None)),
            (BodyFormat::ArrowStream, arrow(&sent, Some(CompressionType::LZ4_FRAME))),
            (BodyFormat::ArrowStream, arrow(&sent, Some(CompressionType::ZSTD))),
            (BodyFormat::Parquet, parquet(&sent, Compression::UNCOMPRESSED)),
            (BodyFormat::Parquet, parquet(&sent, Compression::SNAPPY)),
        ] {
            let decoded = decode(&schema, format, &body, &cuts);
            prop_assert_eq!(decoded.schema(), Arc::clone(schema.arrow()));
            prop_assert_eq!(sendable(&decoded), sent.clone(), "{:?}", format);
        }
    }
}

proptest! {
    /// As `GET …/stream?fields=id,…` answers, which clients send back as bodies of bulk calls.
    #[test]
    fn what_goes_out_comes_in_as_the_same_records(
        (schema, batch) in generated(),
        split in any::<usize>(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let sent = sendable(&batch);
        let split = split % (sent.num_rows() + 1);
        let batches = [sent.slice(0, split), sent.slice(split, sent.num_rows() - split)];
        for format in FORMATS {
            let body = encoded(format, &sent.schema(), &batches);
            let decoded = decode_whole(&schema, format, &body, &cuts);
            prop_assert_eq!(sendable(&decoded), sent.clone(), "{:?}", format);
        }
    }

    /// A column alone: its nulls are no empty lines, which a reader passes over, but where they cannot be told from
    /// empty text.
    #[test]
    fn a_column_that_goes_out_alone_comes_in_as_the_same_values((schema, batch) in generated()) {
        for (index, property) in schema.properties().iter().enumerate() {
            let is_required = |other: &Property| other.is_required && other.name != property.name;
            if schema.properties().iter().any(is_required) {
                continue;
            }
            let column = batch.project(&[RECORD_FIELD_COUNT + index]).unwrap();
            for format in FORMATS {
                if format == BodyFormat::Csv && property.data_type == DataType::String && column.column(0).null_count() > 0 {
                    continue;
                }
                let body = encoded(format, &column.schema(), std::slice::from_ref(&column));
                let decoded = decode_whole(&schema, format, &body, &[]);
                prop_assert_eq!(decoded.column(RECORD_FIELD_COUNT + index), column.column(0), "{:?}", format);
            }
        }
    }
}

#[test]
fn every_compression_of_parquet_that_is_common_is_read() {
    let schema = Arc::new(eider_testkit::schema(
        serde_json::json!({"name": "s", "properties": [{"name": "a", "type": "string"}]}),
    ));
    let sent = sendable(&eider_testkit::batch(&schema, serde_json::json!([{"a": "x"}, {"a": null}])));
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        Compression::LZ4_RAW,
        Compression::LZ4,
    ] {
        let decoded = decode(&schema, BodyFormat::Parquet, &parquet(&sent, compression), &[]);
        assert_eq!(sendable(&decoded), sent, "{compression}");
    }
}
