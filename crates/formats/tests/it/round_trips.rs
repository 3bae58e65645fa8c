//! Any valid records survive any format, wherever the pieces of the body end.
//!
//! The tests run over the table of formats: one that is read and written is tested by its row.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeBinaryArray, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat;
use eider_domain::{DataType, Property, RECORD_FIELD_COUNT, Schema};
use eider_formats::{CheckedRows, Chunk, Format, ReadLimits, RecordReader, Spooling, value_at};
use eider_testkit::{created_at, strategies};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

/// Batches of the columns of `schema` in a format.
fn written(format: Format, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = format.writer(schema).unwrap();
    let mut out = Vec::new();
    writer.begin(&mut out).unwrap();
    for batch in batches {
        writer.batch(batch, &mut out).unwrap();
    }
    writer.end(&mut out).unwrap();
    out
}

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
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let names: Vec<String> = batch.schema().fields().iter().map(|field| quoted(field.name())).collect();
    let types: Vec<DataType> =
        std::iter::once(DataType::Uuid).chain(schema.properties().iter().map(|p| p.data_type)).collect();
    let mut lines = vec![names.join(",")];
    for row in 0..batch.num_rows() {
        let cells = types.iter().zip(batch.columns()).map(|(data_type, column)| {
            let text = value_at(*data_type, column, row).text(*data_type);
            text.map_or_else(String::new, |text| quoted(&text))
        });
        lines.push(cells.collect::<Vec<_>>().join(","));
    }
    lines.join("\r\n").into_bytes()
}

/// The valid records of a body that is cut at `cuts`; none may be invalid.
fn read_back(schema: &Arc<Schema>, format: Format, body: &[u8], cuts: &[usize]) -> CheckedRows {
    let mut reader = RecordReader::new(format, Arc::clone(schema), ReadLimits::default(), Spooling::default());
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).chain([0, body.len()]).collect();
    places.sort_unstable();
    let mut rows = Vec::new();
    for place in places.windows(2) {
        decode(reader.cut(&body[place[0]..place[1]]).unwrap(), &mut rows);
    }
    decode(reader.end().unwrap(), &mut rows);
    assert!(!reader.has_more());
    let column = |index: usize| {
        let empty = arrow_array::new_empty_array(&schema.properties()[index].data_type.arrow_type());
        let parts: Vec<&dyn arrow_array::Array> = rows.iter().map(|rows: &CheckedRows| &*rows.columns[index]).collect();
        concat(&[&[&*empty], &parts[..]].concat()).unwrap()
    };
    let columns = (0..schema.properties().len()).map(column).collect();
    CheckedRows { ids: rows.iter().flat_map(|rows| &rows.ids).copied().collect(), columns, bytes: 0 }
}

fn decode(chunks: Vec<Chunk>, rows: &mut Vec<CheckedRows>) {
    for chunk in chunks {
        let mut next = Some(chunk);
        while let Some(chunk) = next {
            let decoded = chunk.decode().unwrap();
            assert_eq!(decoded.failures, []);
            rows.extend(decoded.rows);
            next = decoded.rest;
        }
    }
}

/// The same as a batch with the ids in front, of the columns of `schema`.
fn read_batch(schema: &Arc<Schema>, columns: &SchemaRef, format: Format, body: &[u8], cuts: &[usize]) -> RecordBatch {
    let rows = read_back(schema, format, body, cuts);
    let bytes: Vec<u8> = rows.ids.iter().flat_map(|id| id.expect("every record has an id").into_bytes()).collect();
    let ids: ArrayRef = Arc::new(FixedSizeBinaryArray::new(16, bytes.into(), None));
    RecordBatch::try_new(Arc::clone(columns), std::iter::once(ids).chain(rows.columns).collect()).unwrap()
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
    fn records_that_others_write_are_read(
        (schema, batch) in generated(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let sent = sendable(&batch);
        for (format, body) in [
            (Format::Csv, csv(&schema, &sent)),
            (Format::ArrowStream, arrow(&sent, None)),
            (Format::ArrowStream, arrow(&sent, Some(CompressionType::LZ4_FRAME))),
            (Format::ArrowStream, arrow(&sent, Some(CompressionType::ZSTD))),
            (Format::Parquet, parquet(&sent, Compression::UNCOMPRESSED)),
            (Format::Parquet, parquet(&sent, Compression::SNAPPY)),
        ] {
            let read = read_batch(&schema, &sent.schema(), format, &body, &cuts);
            prop_assert_eq!(read, sent.clone(), "{:?}", format);
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
        let batches = [sent.slice(0, split), sent.slice(split, 0), sent.slice(split, sent.num_rows() - split)];
        for format in Format::both_ways() {
            let body = written(format, &sent.schema(), &batches);
            let read = read_batch(&schema, &sent.schema(), format, &body, &cuts);
            prop_assert_eq!(read, sent.clone(), "{:?}", format);
            let nothing = written(format, &sent.schema(), &[]);
            let read = read_batch(&schema, &sent.schema(), format, &nothing, &cuts);
            prop_assert_eq!(read.num_rows(), 0, "{:?}", format);
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
            for format in Format::both_ways() {
                let is_delimited = matches!(format, Format::Csv | Format::Tsv);
                if is_delimited && property.data_type == DataType::String && column.column(0).null_count() > 0 {
                    continue;
                }
                let body = written(format, &column.schema(), std::slice::from_ref(&column));
                let read = read_back(&schema, format, &body, &[]);
                prop_assert_eq!(&read.columns[index], column.column(0), "{:?}", format);
            }
        }
    }
}

#[test]
fn a_column_whose_name_would_name_a_delimiter_is_its_own_header() {
    for name in ["sep=;", "sep=,", "sep=\u{1f986}", "sep=", "sep=a delimiter"] {
        let properties = serde_json::json!([{"name": name, "type": "integer"}]);
        let schema = Arc::new(eider_testkit::schema(serde_json::json!({"name": "s", "properties": properties})));
        let batch = eider_testkit::batch(&schema, serde_json::json!([{name: 1}, {name: 2}]));
        let column = batch.project(&[RECORD_FIELD_COUNT]).unwrap();
        for format in [Format::Csv, Format::Tsv] {
            let body = written(format, &column.schema(), std::slice::from_ref(&column));
            let read = read_back(&schema, format, &body, &[]);
            assert_eq!(&read.columns[0], column.column(0), "{format:?}: {name}");
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
        let read = read_batch(&schema, &sent.schema(), Format::Parquet, &parquet(&sent, compression), &[]);
        assert_eq!(read, sent, "{compression}");
    }
}
