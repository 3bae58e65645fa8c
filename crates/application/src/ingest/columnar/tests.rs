//! Arrow streams and Parquet files that become batches, and the exact report of those that do not.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::data_type::{Int96, Int96Type};
use ::parquet::file::writer::SerializedFileWriter;
use arrow_array::builder::{StringDictionaryBuilder, StringViewBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array, LargeStringArray, NullArray,
    RecordBatch, RecordBatchOptions, StringArray, StructArray, Time32SecondArray, Time64NanosecondArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt32Array, UInt64Array,
};
use arrow_buffer::i256;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use eider_domain::{DataType, Schema, SchemaDefinition, Timestamp, ViolationCode};
use serde_json::{Value as Json, json};

use crate::ingest::test_support::{Decoded, decode_in, decoder};
use crate::ingest::{BodyFormat, IngestLimits};
use crate::{Error, IdOrigin, value_at};

/// A schema whose one property is called `p`.
fn schema_of(mut property: Json) -> Arc<Schema> {
    property["name"] = "p".into();
    schema(&json!([property]))
}

fn schema(properties: &Json) -> Arc<Schema> {
    let document = json!({"name": "s", "properties": properties});
    Arc::new(Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0)))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn arrow(batches: &[RecordBatch]) -> Vec<u8> {
    arrow_with(batches, IpcWriteOptions::default())
}

fn arrow_with(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), None).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.into_inner().unwrap()
}

fn decode(schema: &Arc<Schema>, batches: &[RecordBatch]) -> Decoded {
    decode_in(schema, BodyFormat::ArrowStream, IngestLimits::default(), &arrow(batches), 1000).unwrap()
}

fn refusal(schema: &Arc<Schema>, format: BodyFormat, body: &[u8]) -> String {
    match decode_in(schema, format, IngestLimits::default(), body, 64) {
        Err(Error::MalformedBody { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

/// The text of the values that a column comes to in a property `p`, and the codes of those refused.
fn values(property: Json, column: ArrayRef) -> (Vec<Option<String>>, Vec<(u64, ViolationCode)>) {
    let schema = schema_of(property);
    let decoded = decode(&schema, &[batch(vec![("p", column)])]);
    let data_type = schema.properties()[0].data_type;
    let texts = decoded.batches.iter().flat_map(|batch| {
        let column = batch.records.column(4);
        (0..column.len()).map(move |row| value_at(data_type, column, row).text(data_type))
    });
    (texts.collect(), decoded.failures.iter().map(|v| (v.line.unwrap(), v.code)).collect())
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

fn text_columns(texts: &[Option<&str>]) -> Vec<ArrayRef> {
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    let mut views = StringViewBuilder::new();
    for text in texts {
        dictionary.append_option(*text);
        views.append_option(*text);
    }
    vec![
        Arc::new(StringArray::from(texts.to_vec())),
        Arc::new(LargeStringArray::from(texts.to_vec())),
        Arc::new(views.finish()),
        Arc::new(dictionary.finish()),
    ]
}

use ViolationCode::{BelowMinimum, InvalidValue, NotInEnum, OutOfRange, RequiredMissing, TooShort, TypeMismatch};

#[test]
fn whole_numbers_of_every_width_are_integers() {
    for column in [
        Arc::new(Int8Array::from(vec![1, 0])) as ArrayRef,
        Arc::new(Int32Array::from(vec![1, 0])),
        Arc::new(Int64Array::from(vec![1, 0])),
        Arc::new(UInt32Array::from(vec![1, 0])),
        Arc::new(UInt64Array::from(vec![1, 0])),
    ] {
        for data_type in [
            json!({"type": "integer"}),
            json!({"type": "number"}),
            json!({"type": "decimal", "precision": 5, "scale": 0}),
        ] {
            assert_eq!(values(data_type, Arc::clone(&column)), (some(&["1", "0"]), vec![]));
        }
        let constrained = json!({"type": "integer", "constraints": {"minimum": 1}});
        assert_eq!(values(constrained, column), (some(&["1"]), vec![(2, BelowMinimum)]));
    }
    let great = Arc::new(UInt64Array::from(vec![u64::MAX, 1 << 63, (1 << 63) - 1]));
    let expected = (some(&["9223372036854775807"]), vec![(1, OutOfRange), (2, OutOfRange)]);
    assert_eq!(values(json!({"type": "integer"}), great), expected);
}

#[test]
fn numbers_are_finite() {
    let doubles = Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None, Some(f64::NEG_INFINITY)]));
    let expected = (vec![Some("1.5".to_owned()), None], vec![(2, OutOfRange), (4, OutOfRange)]);
    assert_eq!(values(json!({"type": "number"}), doubles), expected);
    let floats = Arc::new(Float32Array::from(vec![0.5, f32::INFINITY]));
    assert_eq!(values(json!({"type": "number"}), floats), (some(&["0.5"]), vec![(2, OutOfRange)]));
}

#[test]
fn text_of_every_layout_is_text_and_what_text_may_stand_for() {
    let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (property, good, bad, code) in [
        (json!({"type": "string", "constraints": {"min_length": 2}}), "é\0", "é", TooShort),
        (json!({"type": "string", "constraints": {"enum": ["a"]}}), "a", "b", NotInEnum),
        (json!({"type": "uuid"}), uuid, "x", InvalidValue),
        (json!({"type": "date"}), "2026-01-31", "2026-02-30", InvalidValue),
        (json!({"type": "time"}), "08:15:00.000000", "8", InvalidValue),
        (json!({"type": "datetime"}), "2026-01-31T08:15:00.000000Z", "2026-01-31", InvalidValue),
        (json!({"type": "decimal", "precision": 4, "scale": 2}), "12.50", "12.501", InvalidValue),
        (json!({"type": "object"}), "{\"a\":[1e400]}", "{", InvalidValue),
        (json!({"type": "array"}), "[1]", "{}", TypeMismatch),
    ] {
        for column in text_columns(&[Some(good), None, Some(bad), Some(good)]) {
            let layout = column.data_type().clone();
            let expected = (vec![Some(good.to_owned()), None, Some(good.to_owned())], vec![(3, code)]);
            assert_eq!(values(property.clone(), column), expected, "{property} as {layout}");
        }
    }
    for column in text_columns(&[Some("a"), None, Some("")]) {
        let expected = (vec![Some("a".to_owned()), None, Some(String::new())], vec![]);
        assert_eq!(values(json!({"type": "string"}), Arc::clone(&column)), expected);
        let required = json!({"type": "string", "required": true});
        assert_eq!(values(required, column), (some(&["a", ""]), vec![(2, RequiredMissing)]));
    }
    let spaced = Arc::new(StringArray::from(vec!["{ \"a\" : 1 }\n"]));
    assert_eq!(values(json!({"type": "object"}), spaced).0, some(&["{\"a\":1}"]));
}

#[test]
fn dates_and_times_come_in_every_unit_that_loses_nothing() {
    let date = json!({"type": "date"});
    let days = Arc::new(Date32Array::from(vec![0, 2_932_896, 2_932_897, i32::MIN]));
    let expected = (some(&["1970-01-01", "9999-12-31"]), vec![(3, InvalidValue), (4, InvalidValue)]);
    assert_eq!(values(date.clone(), days), expected);
    let millis = Arc::new(Date64Array::from(vec![-86_400_000, 1, i64::MAX]));
    assert_eq!(values(date, millis), (some(&["1969-12-31"]), vec![(2, InvalidValue), (3, InvalidValue)]));

    let time = json!({"type": "time"});
    let seconds = Arc::new(Time32SecondArray::from(vec![86_399, 86_400, -1]));
    assert_eq!(values(time.clone(), seconds), (some(&["23:59:59.000000"]), vec![(2, InvalidValue), (3, InvalidValue)]));
    let nanos = Arc::new(Time64NanosecondArray::from(vec![1_000, 1_001]));
    assert_eq!(values(time, nanos), (some(&["00:00:00.000001"]), vec![(2, InvalidValue)]));

    let datetime = json!({"type": "datetime"});
    let nanos = Arc::new(TimestampNanosecondArray::from(vec![-1_000, 1]).with_timezone("+02:00"));
    assert_eq!(values(datetime.clone(), nanos), (some(&["1969-12-31T23:59:59.999999Z"]), vec![(2, InvalidValue)]));
    let seconds = Arc::new(TimestampSecondArray::from(vec![1, i64::MAX, 253_402_300_800]));
    let expected = (some(&["1970-01-01T00:00:01.000000Z"]), vec![(2, InvalidValue), (3, InvalidValue)]);
    assert_eq!(values(datetime.clone(), seconds), expected);
    for zone in [None, Some("UTC".into()), Some("Europe/Berlin".into())] {
        let micros = Arc::new(TimestampMicrosecondArray::from(vec![7]).with_timezone_opt::<Arc<str>>(zone));
        assert_eq!(values(datetime.clone(), micros).0, some(&["1970-01-01T00:00:00.000007Z"]));
    }
}

#[test]
fn decimals_fit_or_are_refused() {
    let money = json!({"type": "decimal", "precision": 5, "scale": 2});
    let exact = Decimal128Array::from(vec![99_999, 100_000, -1]).with_precision_and_scale(38, 2).unwrap();
    assert_eq!(values(money.clone(), Arc::new(exact)), (some(&["999.99", "-0.01"]), vec![(2, OutOfRange)]));
    let same = Decimal128Array::from(vec![99_999, 100_000]).with_data_type(arrow_schema::DataType::Decimal128(5, 2));
    assert_eq!(values(money.clone(), Arc::new(same)), (some(&["999.99"]), vec![(2, OutOfRange)]));
    let finer = Decimal128Array::from(vec![12_300, 12_345]).with_precision_and_scale(10, 4).unwrap();
    assert_eq!(values(money.clone(), Arc::new(finer)), (some(&["1.23"]), vec![(2, OutOfRange)]));
    let coarse = Decimal128Array::from(vec![1, 10]).with_precision_and_scale(10, -2).unwrap();
    assert_eq!(values(money.clone(), Arc::new(coarse)), (some(&["100.00"]), vec![(2, OutOfRange)]));
    let wide = i256::from_i128(10).checked_pow(50).unwrap();
    let wide = Decimal256Array::from(vec![wide, i256::from_i128(1), wide]).with_precision_and_scale(76, 50).unwrap();
    let expected = (some(&["1.00", "1.00"]), vec![(2, OutOfRange)]);
    assert_eq!(values(money, Arc::new(wide)), expected);
}

#[test]
fn booleans_uuids_and_nulls_pass() {
    let flags = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
    let expected = (vec![Some("true".to_owned()), None, Some("false".to_owned())], vec![]);
    assert_eq!(values(json!({"type": "boolean"}), flags), expected);
    let uuids = FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([0_u8; 16]), None].into_iter(), 16).unwrap();
    assert_eq!(values(json!({"type": "uuid"}), Arc::new(uuids)).0[1], None);
    for data_type in ["string", "integer", "number", "boolean", "date", "time", "datetime", "uuid", "object"] {
        let nulls: ArrayRef = Arc::new(NullArray::new(2));
        assert_eq!(values(json!({"type": data_type}), Arc::clone(&nulls)), (vec![None, None], vec![]), "{data_type}");
        let required = json!({"type": data_type, "required": true});
        assert_eq!(values(required, nulls).1, [(1, RequiredMissing), (2, RequiredMissing)], "{data_type}");
    }
}

fn flights() -> Arc<Schema> {
    schema(&json!([
        {"name": "carrier", "type": "string", "required": true, "constraints": {"max_length": 5}},
        {"name": "flight", "type": "integer"},
        {"name": "delay", "type": "number", "default": 0.5},
        {"name": "note", "type": "string"}]))
}

fn carriers(carriers: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(carriers.to_vec()))
}

#[test]
fn both_formats_give_the_same_batches_and_the_same_report() {
    let first = batch(vec![
        ("FLIGHT", Arc::new(Int32Array::from(vec![Some(1), Some(2), None, Some(4)]))),
        ("Carrier", carriers(&[Some("UA"), None, Some("AA"), Some("too long")])),
    ]);
    let second = first.slice(0, 2);
    for (format, body) in [
        (BodyFormat::ArrowStream, arrow(&[first.clone(), second.clone()])),
        (BodyFormat::Parquet, parquet(&[first, second])),
    ] {
        for step in [1, 13, 1 << 20] {
            let decoded = decode_in(&flights(), format, IngestLimits::default(), &body, step).unwrap();
            let expected = [
                (2, "/carrier", RequiredMissing),
                (4, "/carrier", ViolationCode::TooLong),
                (6, "/carrier", RequiredMissing),
            ];
            assert_eq!(decoded.report(), expected, "{format:?}");
            assert_eq!((decoded.decoder.received(), decoded.decoder.failed()), (6, 3));
            assert_eq!(decoded.rows().iter().sum::<usize>(), 3);
            let records = &decoded.batches[0].records;
            assert_eq!(records.column(4).as_string::<i32>().value(1), "AA");
            assert_eq!(
                records.column(5).as_primitive::<Int64Type>().iter().take(2).collect::<Vec<_>>(),
                [Some(1), None]
            );
            assert_eq!(records.column(6).as_primitive::<Float64Type>().iter().next(), Some(Some(0.5)));
            assert!(records.column(7).is_null(0));
            assert!(decoded.batches.iter().all(|batch| batch.ids == IdOrigin::Generated));
            let lines = decoded.decoder.into_lines();
            assert_eq!([0, 1, 2].map(|row| lines.line_of(row)), [1, 3, 5]);
        }
    }
}

#[test]
fn violations_are_ordered_by_row_then_property_and_capped() {
    let columns = batch(vec![
        ("delay", Arc::new(Float64Array::from(vec![f64::NAN, 1.0, f64::NAN, f64::NAN])) as ArrayRef),
        ("carrier", carriers(&[Some("UA"), None, None, Some("AA")])),
    ]);
    let all = [
        (1, "/delay", OutOfRange),
        (2, "/carrier", RequiredMissing),
        (3, "/carrier", RequiredMissing),
        (3, "/delay", OutOfRange),
        (4, "/delay", OutOfRange),
    ];
    for cap in 0..6 {
        let limits = IngestLimits { max_failures: cap, ..IngestLimits::default() };
        let decoded =
            decode_in(&flights(), BodyFormat::ArrowStream, limits, &arrow(std::slice::from_ref(&columns)), 99).unwrap();
        assert_eq!(decoded.report(), all[..cap.min(5)]);
        assert_eq!((decoded.decoder.failed(), decoded.decoder.are_failures_truncated()), (4, cap < 5));
    }
}

#[test]
fn a_required_property_without_a_column_fails_every_row() {
    let limits = IngestLimits { max_failures: 2, ..IngestLimits::default() };
    let columns = batch(vec![("flight", Arc::new(Int64Array::from(vec![1; 10])) as ArrayRef)]);
    let decoded = decode_in(&flights(), BodyFormat::ArrowStream, limits, &arrow(&[columns]), 99).unwrap();
    assert_eq!(decoded.report(), [(1, "/carrier", RequiredMissing), (2, "/carrier", RequiredMissing)]);
    assert_eq!((decoded.decoder.failed(), decoded.decoder.are_failures_truncated()), (10, true));
}

#[test]
fn columns_that_do_not_fit_refuse_the_body() {
    let long: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let nested: ArrayRef = Arc::new(StructArray::from(batch(vec![("flight", Arc::clone(&long))])));
    for (columns, detail) in [
        (
            vec![("fligth", Arc::clone(&long))],
            "the schema has no property for the column `fligth`; did you mean `flight`?",
        ),
        (
            vec![("flight", Arc::clone(&long)), ("Flight", Arc::clone(&long))],
            "the column `Flight` is given twice; case does not count",
        ),
        (vec![("created_at", Arc::clone(&long))], "the column `created_at` is kept by the server and may not be sent"),
        (
            vec![("carrier", Arc::clone(&long))],
            "the column `carrier` is of the Arrow type Int64, which cannot hold string; send Utf8, LargeUtf8, Utf8View or a dictionary of one of them",
        ),
        (
            vec![("flight", carriers(&[Some("1")]))],
            "the column `flight` is of the Arrow type Utf8, which cannot hold integer; send Int8 to Int64 or UInt8 to UInt64",
        ),
        (
            vec![("note", Arc::new(BinaryArray::from(vec![&b"x"[..]])) as ArrayRef)],
            "the column `note` is of the Arrow type Binary, which cannot hold string; send Utf8, LargeUtf8, Utf8View or a dictionary of one of them",
        ),
        (
            vec![("flight", nested)],
            "the column `flight` is of the Arrow type Struct(\"flight\": Int64), which cannot hold integer; send Int8 to Int64 or UInt8 to UInt64",
        ),
        (
            vec![("id", long)],
            "the column `id` is of the Arrow type Int64, which cannot hold uuid; send FixedSizeBinary(16) or text",
        ),
    ] {
        let columns = batch(columns);
        assert_eq!(refusal(&flights(), BodyFormat::ArrowStream, &arrow(std::slice::from_ref(&columns))), detail);
        assert_eq!(refusal(&flights(), BodyFormat::Parquet, &parquet(&[columns])), detail);
    }
}

#[test]
fn ids_of_the_client_mark_their_batch() {
    let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    let names = || ("carrier", carriers(&[Some("UA"), Some("AA"), Some("DL")]));
    for ids in text_columns(&[Some(uuid), None, Some("7")]) {
        let decoded = decode(&flights(), &[batch(vec![("ID", ids), names()])]);
        assert_eq!(decoded.report(), [(3, "/id", InvalidValue)]);
        assert_eq!((decoded.batches[0].ids, decoded.rows()), (IdOrigin::Client, vec![2]));
        assert_eq!(decoded.column("id").as_fixed_size_binary().value(0)[..4], [0x01, 0x89, 0x0a, 0x5d]);
        assert_eq!(decoded.column("id").as_fixed_size_binary().value(1)[6] >> 4, 7, "the other id is a UUIDv7");
    }
    let bytes = FixedSizeBinaryArray::try_from_sparse_iter_with_size([None, Some([7_u8; 16]), None].into_iter(), 16);
    let decoded = decode(&flights(), &[batch(vec![("id", Arc::new(bytes.unwrap())), names()])]);
    assert_eq!(decoded.column("id").as_fixed_size_binary().value(1), [7; 16]);
    let decoded = decode(&flights(), &[batch(vec![("id", Arc::new(NullArray::new(3))), names()])]);
    assert_eq!(decoded.batches[0].ids, IdOrigin::Generated);
}

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

#[test]
fn a_body_of_another_format_or_a_part_of_one_is_malformed() {
    let columns = batch(vec![("carrier", carriers(&[Some("UA")]))]);
    let stream = arrow(std::slice::from_ref(&columns));
    let file = {
        let mut writer = FileWriter::try_new(Vec::new(), &columns.schema()).unwrap();
        writer.write(&columns).unwrap();
        writer.into_inner().unwrap()
    };
    let parquet = parquet(&[columns]);
    let trailing = [stream.as_slice(), b"x"].concat();
    for (format, body, detail) in [
        (BodyFormat::ArrowStream, &b""[..], "the body is empty; expected an Arrow IPC stream"),
        (BodyFormat::ArrowStream, &file, "the body is an Arrow file; send the stream format"),
        (BodyFormat::ArrowStream, &b"{\"carrier\":\"UA\"}"[..], "the body is not an Arrow IPC stream"),
        (BodyFormat::ArrowStream, &stream[..stream.len() - 20], "the Arrow stream breaks off within a message"),
        (BodyFormat::ArrowStream, &trailing, "bytes follow the end of the Arrow stream"),
        (BodyFormat::Parquet, b"", "the body is empty; expected a Parquet file"),
        (BodyFormat::Parquet, b"PAR1", "the body is not a Parquet file"),
        (BodyFormat::Parquet, &stream, "the body is not a Parquet file"),
        (BodyFormat::Parquet, &parquet[..parquet.len() - 1], "the body is not a Parquet file"),
        (BodyFormat::Parquet, &parquet[20..], "the Parquet file is damaged"),
    ] {
        let found = refusal(&flights(), format, body);
        assert!(found.starts_with(detail), "{found}, expected {detail}");
    }
}

#[test]
fn a_damaged_body_is_refused_or_read_but_no_fault() {
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.append_value("x");
    dictionary.append_null();
    let columns =
        batch(vec![("carrier", carriers(&[Some("UA"), Some("AA")])), ("note", Arc::new(dictionary.finish()))]);
    for (format, body) in
        [(BodyFormat::ArrowStream, arrow(std::slice::from_ref(&columns))), (BodyFormat::Parquet, parquet(&[columns]))]
    {
        for place in 0..body.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = body.clone();
                damaged[place] = value;
                match decode_in(&flights(), format, IngestLimits::default(), &damaged, 1 << 16) {
                    Ok(_) | Err(Error::MalformedBody { .. } | Error::TooManyRecords { .. }) => {}
                    Err(other) => panic!("{format:?}, {place}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_spool_directory_that_is_gone_is_a_fault_of_the_server() {
    let decoder = decoder(&flights(), BodyFormat::Parquet, IngestLimits::default());
    let mut decoder = decoder.with_spool_directory("/nonexistent/directory".into());
    assert!(matches!(decoder.decode(b"PAR1"), Err(Error::Store(_))));
}

#[test]
fn the_times_of_old_parquet_writers_are_read_beyond_what_nanoseconds_reach() {
    const JULIAN_DAY_OF_1970: u32 = 2_440_588;
    let message = ::parquet::schema::parser::parse_message_type("message m { required int96 p; }").unwrap();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(message), Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    // Nanoseconds of the day, low word first, and the day.
    let times = [vec![1_000, 0, JULIAN_DAY_OF_1970], vec![0, 0, JULIAN_DAY_OF_1970 + 376_200]].map(Int96::from);
    column.typed::<Int96Type>().write_batch(&times, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    let body = file.into_inner().unwrap();
    let schema = schema_of(json!({"type": "datetime"}));
    let decoded = decode_in(&schema, BodyFormat::Parquet, IngestLimits::default(), &body, 100).unwrap();
    assert_eq!(decoded.report(), []);
    let expected = ["1970-01-01T00:00:00.000001Z", "3000-01-01T00:00:00.000000Z"];
    let found = [0, 1].map(|row| value_at(DataType::Datetime, decoded.column("p"), row).text(DataType::Datetime));
    assert_eq!(found, expected.map(|text| Some(text.to_owned())));
}

#[test]
fn zones_do_not_move_instants() {
    let schema = schema_of(json!({"type": "datetime"}));
    let column = Arc::new(TimestampMicrosecondArray::from(vec![1, 2]).with_timezone("+05:00"));
    let decoded = decode(&schema, &[batch(vec![("p", column)])]);
    assert_eq!(decoded.column("p").as_primitive::<TimestampMicrosecondType>().values().to_vec(), [1, 2]);
}
