//! What records of every type come to in every format.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use eider_application::ingest::BodyFormat;
use eider_domain::Schema;
use eider_testkit::{batch, schema};
use insta::assert_snapshot;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use serde_json::json;

use crate::app::TestApp;

/// Batches in a format.
pub(crate) fn encoded(format: BodyFormat, schema: &arrow_schema::SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let mut encoder = format.writer(schema).unwrap();
    let mut out = Vec::new();
    encoder.begin(&mut out).unwrap();
    for batch in batches {
        encoder.batch(batch, &mut out).unwrap();
    }
    encoder.end(&mut out).unwrap();
    out
}

/// The records of an Arrow stream, which must have its end.
pub(crate) fn arrow_records(bytes: &[u8]) -> RecordBatch {
    assert!(bytes.ends_with(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), "the stream ends with its marker");
    let reader = StreamReader::try_new(bytes, None).unwrap();
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn parquet_reader(bytes: &[u8]) -> ParquetRecordBatchReaderBuilder<Bytes> {
    ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap()
}

/// The records of a Parquet file.
pub(crate) fn parquet_records(bytes: &[u8]) -> RecordBatch {
    let reader = parquet_reader(bytes).build().unwrap();
    let schema = arrow_array::RecordBatchReader::schema(&reader);
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// The rows of each row group.
fn row_groups(bytes: &[u8]) -> Vec<i64> {
    parquet_reader(bytes).metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect()
}

fn all_types() -> Schema {
    schema(json!({"name": "all_types", "properties": [
        {"name": "string", "type": "string"}, {"name": "integer", "type": "integer", "required": true},
        {"name": "number", "type": "number"}, {"name": "decimal", "type": "decimal", "precision": 10, "scale": 2},
        {"name": "boolean", "type": "boolean"}, {"name": "date", "type": "date"}, {"name": "time", "type": "time"},
        {"name": "datetime", "type": "datetime"}, {"name": "uuid", "type": "uuid"},
        {"name": "object", "type": "object"}, {"name": "array", "type": "array"}]}))
}

/// A usual record, one of extremes, one that text formats have to quote, and one of nulls.
fn records(schema: &Schema) -> RecordBatch {
    let id = |n: u32| format!("019c1392-fda0-7000-8000-00000000000{n}");
    batch(
        schema,
        json!([
            {"id": id(1), "string": "UA", "integer": 12, "number": -2.5, "decimal": "12.50", "boolean": true,
                "date": "2013-01-31", "time": "08:15:00", "datetime": "2013-01-31T08:15:00.5Z",
                "uuid": "01890a5d-ac96-774b-bcce-b302099a8057", "object": {"a": [1, "x"]}, "array": [1, null]},
            {"id": id(2), "string": "", "integer": i64::MIN, "number": 5e-324, "decimal": "-99999999.99",
                "boolean": false, "date": "0000-01-01", "time": "23:59:59.999999",
                "datetime": "9999-12-31T23:59:59.999999Z", "uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff",
                "object": {}, "array": []},
            {"id": id(3), "string": "a, \"b\"\nc\r\u{0}é🦆\\ ", "integer": -0, "number": 1e300, "decimal": "0.01",
                "object": {"a \"b\"": "c, d\n"}, "array": [[], {"x": 0.1}]},
            {"id": id(4), "integer": 0},
        ]),
    )
}

/// Text whose line ends and other invisible bytes can be seen.
pub(crate) fn visible(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    text.replace('\r', "␍").replace('\0', "␀")
}

#[test]
fn every_type_has_its_text_in_every_text_format() {
    let schema = all_types();
    let records = records(&schema);
    for (name, format) in [("ndjson", BodyFormat::Ndjson), ("json", BodyFormat::JsonArray), ("csv", BodyFormat::Csv)] {
        let bytes = encoded(format, schema.arrow(), &[records.slice(0, 1), records.slice(1, 0), records.slice(1, 3)]);
        assert_snapshot!(name, visible(&bytes));
    }
}

#[test]
fn an_arrow_stream_has_the_columns_as_they_are() {
    let schema = all_types();
    let records = records(&schema);
    let bytes = encoded(BodyFormat::ArrowStream, schema.arrow(), &[records.slice(0, 3), records.slice(3, 1)]);
    let read = arrow_records(&bytes);
    assert_eq!(read, records);
    let extension = |name: &str| read.schema().field_with_name(name).unwrap().extension_type_name().map(str::to_owned);
    assert_eq!(extension("uuid").as_deref(), Some("arrow.uuid"));
    assert_eq!(extension("object").as_deref(), Some("arrow.json"));
}

#[test]
fn a_parquet_file_has_the_columns_as_they_are() {
    let schema = all_types();
    let records = records(&schema);
    let bytes = encoded(BodyFormat::Parquet, schema.arrow(), &[records.slice(0, 3), records.slice(3, 1)]);
    assert_eq!(parquet_records(&bytes), records);
    let mut types = Vec::new();
    let metadata = parquet_reader(&bytes).metadata().file_metadata().schema_descr().root_schema_ptr();
    parquet::schema::printer::print_schema(&mut types, &metadata);
    assert_snapshot!("parquet_types", visible(&types));
}

#[test]
fn an_empty_result_still_has_its_columns() {
    let schema = schema(json!({"name": "s", "properties": [{"name": "a", "type": "object"}]}));
    let nothing = RecordBatch::new_empty(Arc::clone(schema.arrow()));
    for batches in [vec![], vec![nothing.clone(), nothing.clone()]] {
        let bytes = |format| encoded(format, schema.arrow(), &batches);
        assert_eq!(bytes(BodyFormat::Ndjson), b"");
        assert_eq!(bytes(BodyFormat::JsonArray), b"[]");
        assert_eq!(bytes(BodyFormat::Csv), b"id,created_at,updated_at,version,a\r\n");
        assert_eq!(arrow_records(&bytes(BodyFormat::ArrowStream)), nothing);
        assert_eq!(parquet_records(&bytes(BodyFormat::Parquet)), nothing);
    }
}

#[test]
fn a_lone_null_is_a_row_of_csv_where_the_type_allows() {
    let schema = schema(json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"}, {"name": "o", "type": "object"}, {"name": "s", "type": "string"}]}));
    let records = batch(&schema, json!([{}, {"n": 1, "o": {}, "s": ""}]));
    let lone = |column: usize| {
        let column = records.project(&[column]).unwrap();
        visible(&encoded(BodyFormat::Csv, &column.schema(), &[column]))
    };
    assert_eq!(lone(4), "n␍\n\"\"␍\n1␍\n");
    assert_eq!(lone(5), "o␍\n\"\"␍\n{}␍\n");
    assert_eq!(lone(6), "s␍\n␍\n\"\"␍\n");
}

#[test]
fn a_row_group_leaves_when_it_is_full() {
    let schema = schema(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]}));
    let records = eider_testkit::integers(&schema, 0..61_440);
    let mut encoder = BodyFormat::Parquet.writer(schema.arrow()).unwrap();
    let (mut file, mut sizes) = (Vec::new(), Vec::new());
    encoder.begin(&mut file).unwrap();
    for _ in 0..3 {
        let mut piece = Vec::new();
        encoder.batch(&records, &mut piece).unwrap();
        sizes.push(piece.len());
        file.extend(piece);
    }
    assert_eq!((sizes[0], sizes[2]), (0, 0), "rows wait for their row group");
    assert!(sizes[1] > 122_880);
    encoder.end(&mut file).unwrap();
    assert_eq!(row_groups(&file), [122_880, 61_440]);
}

#[test]
fn long_rows_make_a_row_group_before_there_are_many() {
    let schema = schema(json!({"name": "s", "properties": [{"name": "s", "type": "string"}]}));
    // Hexadecimal digits of a generator that no compression sees through: half a byte each.
    let mut state: u64 = 1;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    };
    let mut row = || (0..1 << 17).map(|_| noise()).collect::<String>();
    let mut encoder = BodyFormat::Parquet.writer(schema.arrow()).unwrap();
    let (mut fed, mut file) = (0, Vec::new());
    encoder.begin(&mut file).unwrap();
    for _ in 0..64 {
        let text = row();
        fed += text.len();
        encoder.batch(&batch(&schema, json!([{"s": text}])), &mut file).unwrap();
        // A row comes to more than half its digits.
        assert!(fed / 2 < file.len() + (20 << 20), "{} of {fed} bytes are kept back", fed / 2 - file.len());
    }
    encoder.end(&mut file).unwrap();
    let rows = row_groups(&file);
    assert_eq!(rows.iter().sum::<i64>(), 64);
    assert!(rows.len() >= 2, "{rows:?}");
}

#[tokio::test]
async fn the_document_lists_the_media_types_of_bodies_that_are_read() {
    let app = TestApp::with_flights().await;
    let document = app.get("/openapi.json").await.json();
    let listed = |path: &str| -> BTreeSet<String> {
        let content = &document["paths"][path]["post"]["requestBody"]["content"];
        content.as_object().unwrap().keys().cloned().collect()
    };
    let names = |m: &eider_formats::MediaType| [&[m.essence], m.bodies].concat();
    let read: BTreeSet<String> =
        BodyFormat::read().flat_map(BodyFormat::media_types).flat_map(names).map(str::to_owned).collect();
    assert_eq!(listed("/api/v1/schemas/infer"), read);
    let forms = ["multipart/form-data".to_owned()];
    assert_eq!(listed("/api/v1/records/{schema}/bulk"), read.into_iter().chain(forms).collect());
}
