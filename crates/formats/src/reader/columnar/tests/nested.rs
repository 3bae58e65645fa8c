//! Nested values one by one: what is refused and where, what a few bytes may stand for, what old writers wrote.

use std::collections::HashMap;
use std::sync::Arc;

use ::parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int96, Int96Type,
};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use arrow_array::types::{Float64Type, Int32Type as ArrowInt32Type, Int64Type as ArrowInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Decimal128Array, DictionaryArray, DurationMillisecondArray, FixedSizeBinaryArray,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, ListViewArray, NullArray, RecordBatch, RunArray,
    StringArray, StructArray, UnionArray,
};
use arrow_buffer::{IntervalMonthDayNano, OffsetBuffer, ScalarBuffer};
use arrow_ipc::writer::{DictionaryHandling, IpcWriteOptions};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType as ArrowType, Field, Schema as ArrowSchema, UnionFields};
use eider_domain::{DataType, Schema, ViolationCode};
use serde_json::{Value as Json, json};

use super::{arrow, arrow_with, batch, decode, parquet, refusal, schema};
use crate::test_support::{Decoded, decode_in};
use crate::{Format, ReadLimits, value_at};

fn schema_of(data_type: &str) -> Arc<Schema> {
    schema(&json!([{"name": "p", "type": data_type}]))
}

fn texts_of(data_type: DataType, decoded: &Decoded) -> Vec<Option<String>> {
    let column = decoded.property(0);
    (0..column.len()).map(|row| value_at(data_type, column, row).text(data_type)).collect()
}

/// Lines, pointers and codes.
type Report = Vec<(u64, String, ViolationCode)>;

fn read(data_type: &str, column: ArrayRef) -> (Vec<Option<String>>, Report) {
    let schema = schema_of(data_type);
    let decoded = decode(&schema, &[batch(vec![("p", column)])]);
    let failures = decoded.report().into_iter().map(|(line, pointer, code)| (line, pointer.to_owned(), code)).collect();
    (texts_of(schema.properties()[0].data_type, &decoded), failures)
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

/// A struct of one member.
fn of(name: &str, column: ArrayRef) -> ArrayRef {
    let field = Field::new(name, column.data_type().clone(), true);
    Arc::new(StructArray::new(vec![field].into(), vec![column], None))
}

/// A struct of one member, whose field says more of it.
fn extended(name: &str, column: ArrayRef, extension: &str) -> ArrayRef {
    let metadata = HashMap::from([(EXTENSION_TYPE_NAME_KEY.to_owned(), extension.to_owned())]);
    let field = Field::new(name, column.data_type().clone(), true).with_metadata(metadata);
    Arc::new(StructArray::new(vec![field].into(), vec![column], None))
}

#[test]
fn a_value_without_a_form_is_refused_where_it_stands() {
    let numbers = [Some(vec![Some(1.0)]), Some(vec![Some(0.5), Some(f64::NAN)]), None, Some(vec![Some(f64::INFINITY)])];
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(numbers);
    let (texts, failures) = read("object", of("a/b", Arc::new(lists)));
    assert_eq!(texts, some(&["{\"a/b\":[1.0]}", "{\"a/b\":null}"]));
    let expected = [(2, "/p/a~1b/1"), (4, "/p/a~1b/0")];
    assert_eq!(failures, expected.map(|(line, pointer)| (line, pointer.to_owned(), ViolationCode::OutOfRange)));

    let twice = StructArray::new(
        vec![Field::new("a", ArrowType::Int32, true), Field::new("a", ArrowType::Int32, true)].into(),
        vec![Arc::new(Int32Array::from(vec![1])), Arc::new(Int32Array::from(vec![2]))],
        None,
    );
    assert_eq!(read("object", Arc::new(twice)).1, [(1, "/p/a".to_owned(), ViolationCode::DuplicateKey)]);
}

#[test]
fn values_are_nested_as_deep_as_is_allowed() {
    let mut column: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    for _ in 0..4 {
        column = of("a", column);
    }
    let columns = batch(vec![("p", column)]);
    for (depth, expected) in [(4, vec![]), (3, vec![(1, "/p/a/a/a", ViolationCode::TooDeep)])] {
        let limits = ReadLimits { max_json_depth: depth, ..ReadLimits::default() };
        let body = arrow(std::slice::from_ref(&columns));
        let decoded = decode_in(&schema_of("object"), Format::ArrowStream, limits, &body, 100).unwrap();
        assert_eq!(decoded.report(), expected, "{depth}");
    }
}

#[test]
fn types_that_lose_something_are_refused_by_name() {
    let union = |children: Vec<ArrayRef>| -> ArrayRef {
        let fields = children.iter().enumerate().map(|(id, child)| {
            (i8::try_from(id).unwrap(), Arc::new(Field::new(format!("v{id}"), child.data_type().clone(), true)))
        });
        let fields: UnionFields = fields.collect();
        Arc::new(UnionArray::try_new(fields, vec![0].into(), None, children).unwrap())
    };
    let number: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let alike = union(vec![Arc::clone(&number), Arc::new(Int64Array::from(vec![1]))]);
    let columns = batch(vec![("p", of("u", alike))]);
    assert_eq!(
        refusal(&schema_of("object"), Format::ArrowStream, &arrow(&[columns])),
        "the column `p` holds a union whose variants `v0` and `v1` look alike in JSON"
    );
    let variant = extended("v", Arc::new(BinaryArray::from(vec![&b"x"[..]])), "arrow.parquet.variant");
    let detail = refusal(&schema_of("object"), Format::ArrowStream, &arrow(&[batch(vec![("p", variant)])]));
    assert!(detail.contains("a Parquet VARIANT"), "{detail}");
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(1.0)])]));
    let detail = refusal(&schema_of("object"), Format::ArrowStream, &arrow(&[batch(vec![("p", list)])]));
    assert!(detail.contains("which cannot hold object; send Struct, Map or JSON as text"), "{detail}");

    let alone = union(vec![number, Arc::new(NullArray::new(1))]);
    assert_eq!(read("integer", alone), (some(&["7"]), vec![]));
}

#[test]
fn what_a_field_says_of_its_values_holds_within_others() {
    let bytes = FixedSizeBinaryArray::try_from_iter([[7_u8; 16]].into_iter()).unwrap();
    let bytes: ArrayRef = Arc::new(bytes);
    let uuid = "07070707-0707-0707-0707-070707070707";
    let plain = read("object", of("u", Arc::clone(&bytes)));
    assert_eq!(plain.0, some(&["{\"u\":\"BwcHBwcHBwcHBwcHBwcHBw==\"}"]));
    assert_eq!(
        read("object", extended("u", Arc::clone(&bytes), "arrow.uuid")).0,
        [Some(format!("{{\"u\":\"{uuid}\"}}"))]
    );
    assert_eq!(read("uuid", Arc::clone(&bytes)).0, some(&[uuid]));
    assert_eq!(read("string", bytes).0, some(&["BwcHBwcHBwcHBwcHBwcHBw=="]));

    let json: ArrayRef = Arc::new(StringArray::from(vec!["[1, 2]", "{"]));
    let (texts, failures) = read("object", extended("j", Arc::clone(&json), "arrow.json"));
    assert_eq!(
        (texts, failures),
        (some(&["{\"j\":[1,2]}"]), vec![(2, "/p/j".to_owned(), ViolationCode::InvalidValue)])
    );
    assert_eq!(read("object", of("j", json)).0, some(&["{\"j\":\"[1, 2]\"}", "{\"j\":\"{\"}"]));
}

#[test]
fn bytes_durations_and_decimals_find_a_property_that_keeps_them() {
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![Some(&[1_u8; 16][..]), None, Some(b"short")]));
    let expected = vec![Some("01010101-0101-0101-0101-010101010101".to_owned()), None];
    assert_eq!(read("uuid", bytes), (expected, vec![(3, "/p".to_owned(), ViolationCode::InvalidValue)]));

    let spans: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![1_500, -1, 0]));
    assert_eq!(read("integer", Arc::clone(&spans)).0, some(&["1500", "-1", "0"]));
    assert_eq!(read("string", spans).0, some(&["PT1.5S", "PT-0.001S", "PT0S"]));
    let interval = |months, days, nanoseconds| IntervalMonthDayNano { months, days, nanoseconds };
    let intervals = vec![interval(14, -3, 1), interval(0, 0, 0), interval(0, 2, 0)];
    let intervals: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(intervals));
    assert_eq!(read("string", intervals).0, some(&["P14M-3DT0.000000001S", "PT0S", "P2D"]));

    let decimals = Decimal128Array::from(vec![1_500, 10, 123_456_789_012_345_678]);
    let decimals: ArrayRef = Arc::new(decimals.with_precision_and_scale(38, 2).unwrap());
    let (texts, failures) = read("number", Arc::clone(&decimals));
    assert_eq!(texts, some(&["15", "0.1"]));
    assert_eq!(failures, [(3, "/p".to_owned(), ViolationCode::OutOfRange)], "17 digits");
    let (texts, failures) = read("integer", decimals);
    assert_eq!((texts, failures.len()), (some(&["15"]), 2));
}

#[test]
fn ids_come_as_bytes_of_any_layout() {
    let ids: ArrayRef = Arc::new(BinaryArray::from(vec![&[1_u8; 16][..], b"short"]));
    let p: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let decoded = decode(&schema_of("integer"), &[batch(vec![("id", ids), ("p", p)])]);
    assert_eq!(decoded.report(), [(2, "/id", ViolationCode::InvalidValue)]);
    assert_eq!(decoded.has_given_id(), [true]);
}

#[test]
fn maps_are_objects_or_arrays_of_their_entries() {
    let mut builder = arrow_array::builder::MapBuilder::new(
        None,
        arrow_array::builder::Int32Builder::new(),
        arrow_array::builder::StringBuilder::new(),
    );
    for (key, value) in [(1, "a"), (2, "b")] {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    let map: ArrayRef = Arc::new(builder.finish());
    assert_eq!(read("object", Arc::clone(&map)).0, [Some("{\"1\":\"a\",\"2\":\"b\"}".to_owned()), None]);
    let entries = "[{\"key\":1,\"value\":\"a\"},{\"key\":2,\"value\":\"b\"}]";
    assert_eq!(read("array", map).0, [Some(entries.to_owned()), None]);
}

/// What a few bytes stand for shows when it is written out, a step at a time.
#[test]
fn values_that_stand_for_much_are_written_out_step_by_step() {
    let long = "x".repeat(1 << 20);
    let lists = || -> ArrayRef {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![long.as_str()]));
        let item = Arc::new(Field::new("item", ArrowType::Utf8, true));
        Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([1]), texts, None))
    };
    let text = || Arc::new(StringArray::from(vec![long.as_str()])) as ArrayRef;
    let keys = Int32Array::from(vec![0; 100]);
    let views = ListViewArray::new(
        Arc::new(Field::new("item", ArrowType::Utf8, true)),
        ScalarBuffer::from(vec![0; 100]),
        ScalarBuffer::from(vec![1; 100]),
        text(),
        None,
    );
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("array", Arc::new(DictionaryArray::<ArrowInt32Type>::new(keys, lists()))),
        ("array", Arc::new(RunArray::<ArrowInt32Type>::try_new(&Int32Array::from(vec![100]), &lists()).unwrap())),
        ("array", Arc::new(views)),
        ("string", Arc::new(RunArray::<ArrowInt32Type>::try_new(&Int32Array::from(vec![100]), &text()).unwrap())),
    ];
    for (data_type, column) in columns {
        let layout = column.data_type().to_string();
        let body = arrow(&[batch(vec![("p", column)])]);
        assert!(body.len() < 2 << 20);
        let schema = schema_of(data_type);
        let decoded = decode_in(&schema, Format::ArrowStream, ReadLimits::default(), &body, 1 << 19).unwrap();
        assert_eq!((decoded.rows.iter().sum::<usize>(), decoded.failed), (100, 0), "{layout}");
        assert!(decoded.rows.iter().all(|rows| *rows <= 4), "{layout}: a batch has 4 MiB at most");
        assert!(decoded.steps >= 5, "{layout}: a step has 16 MiB at most");
    }
}

#[test]
fn a_row_that_is_too_large_once_it_is_written_is_refused_and_the_others_go_on() {
    // A list of two billion nulls, in no bytes at all.
    let item = Arc::new(Field::new("item", ArrowType::Null, true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 1, i32::MAX - 1, i32::MAX]));
    let nothing: ArrayRef = Arc::new(NullArray::new(i32::MAX as usize));
    let column: ArrayRef = Arc::new(ListArray::new(item, offsets, nothing, None));
    let too_large = [(2, String::new(), ViolationCode::RecordTooLarge)];
    assert_eq!(read("array", column), (some(&["[null]", "[null]"]), too_large.to_vec()));

    // Two columns that are too large together.
    let texts = |lengths: [usize; 2]| of("t", Arc::new(StringArray::from(lengths.map(|n| "x".repeat(n)).to_vec())));
    let columns = batch(vec![("p", texts([300, 300])), ("q", texts([100, 300]))]);
    let schema = schema(&json!([{"name": "p", "type": "object"}, {"name": "q", "type": "object"}]));
    let limits = ReadLimits { max_record_bytes: 500, ..ReadLimits::default() };
    let decoded = decode_in(&schema, Format::ArrowStream, limits, &arrow(&[columns]), 100).unwrap();
    assert_eq!(decoded.report(), [(2, "", ViolationCode::RecordTooLarge)]);
}

/// What no row has is not looked at: runs within a dictionary may go on for ever, and bytes without a width take none.
#[test]
fn values_that_no_row_has_cost_nothing() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let runs = RunArray::<ArrowInt64Type>::try_new(&Int64Array::from(vec![i64::MAX]), &text).unwrap();
    let keys = || Int32Array::from(vec![0, 7]);
    let column: ArrayRef = Arc::new(DictionaryArray::<ArrowInt32Type>::new(keys(), Arc::new(runs)));
    assert_eq!(read("string", column), (some(&["a", "a"]), vec![]));
    let nothing = FixedSizeBinaryArray::try_new_with_len(0, Vec::<u8>::new().into(), None, 1 << 40).unwrap();
    let column: ArrayRef = Arc::new(DictionaryArray::<ArrowInt32Type>::new(keys(), Arc::new(nothing)));
    assert_eq!(read("string", column), (some(&["", ""]), vec![]));
}

/// Escapes are as many bytes as they are.
#[test]
fn a_text_counts_as_it_is_written() {
    let signs = "\u{1}".repeat(100);
    let column = of("t", Arc::new(StringArray::from(vec![signs.as_str(), &signs[..50]])));
    let limits = ReadLimits { max_record_bytes: 500, ..ReadLimits::default() };
    let body = arrow(&[batch(vec![("p", column)])]);
    let decoded = decode_in(&schema_of("object"), Format::ArrowStream, limits, &body, 100).unwrap();
    assert_eq!(decoded.report(), [(1, "", ViolationCode::RecordTooLarge)]);
}

#[test]
fn dictionaries_change_between_batches() {
    let dictionary = |texts: &[&str]| -> RecordBatch {
        let column: DictionaryArray<ArrowInt32Type> = texts.iter().copied().collect();
        batch(vec![("p", Arc::new(column))])
    };
    let batches = [dictionary(&["a", "b", "a"]), dictionary(&["a", "b", "c"]), dictionary(&[]), dictionary(&["z"])];
    let replaced = arrow_with(&batches, IpcWriteOptions::default());
    let grown = IpcWriteOptions::default().with_dictionary_handling(DictionaryHandling::Delta);
    let grown = arrow_with(&batches, grown);
    for body in [replaced, grown] {
        let decoded = decode_in(&schema_of("string"), Format::ArrowStream, ReadLimits::default(), &body, 64).unwrap();
        assert_eq!(texts_of(DataType::String, &decoded), some(&["a", "b", "a", "a", "b", "c", "z"]));
    }
}

/// A Parquet file of one column, written by hand.
fn file_of(message: &str, write: impl FnOnce(&mut ::parquet::file::writer::SerializedColumnWriter<'_>)) -> Vec<u8> {
    let message = parse_message_type(message).unwrap();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(message), Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    write(&mut column);
    column.close().unwrap();
    group.close().unwrap();
    file.into_inner().unwrap()
}

fn read_parquet(data_type: &str, body: &[u8]) -> Decoded {
    decode_in(&schema_of(data_type), Format::Parquet, ReadLimits::default(), body, 1 << 16).unwrap()
}

#[test]
fn lists_of_old_parquet_writers_are_lists() {
    for message in [
        "message m { optional group p (LIST) { repeated int32 array; } }",
        "message m { optional group p (LIST) { repeated int32 element; } }",
        "message m { repeated int32 p; }",
    ] {
        let is_optional = message.contains("optional");
        let body = file_of(message, |column| {
            let levels: &[i16] = if is_optional { &[2, 2, 1] } else { &[1, 1, 0] };
            column.typed::<Int32Type>().write_batch(&[1, 2], Some(levels), Some(&[0, 1, 0])).unwrap();
        });
        let decoded = read_parquet("array", &body);
        assert_eq!(texts_of(DataType::Array, &decoded), some(&["[1,2]", "[]"]), "{message}");
    }
    let body =
        file_of("message m { optional group p (LIST) { repeated group array { required int32 a; } } }", |column| {
            column.typed::<Int32Type>().write_batch(&[1], Some(&[2, 0]), Some(&[0, 0])).unwrap();
        });
    assert_eq!(texts_of(DataType::Array, &read_parquet("array", &body)), [Some("[{\"a\":1}]".to_owned()), None]);
}

#[test]
fn the_times_of_old_parquet_writers_are_read_within_lists() {
    let message = "message m { optional group p (LIST) { repeated group list { optional int96 element; } } }";
    let body = file_of(message, |column| {
        let day = |nanos, day| Int96::from(vec![nanos, 0, day]);
        // 1970 and 3000, then a part of a microsecond.
        let times = [day(1_000, 2_440_588), day(0, 2_440_588 + 376_200), day(1_001, 2_440_588)];
        column.typed::<Int96Type>().write_batch(&times, Some(&[3, 3, 2, 3]), Some(&[0, 1, 1, 0])).unwrap();
    });
    let decoded = read_parquet("array", &body);
    let expected = "[\"1970-01-01T00:00:00.000001\",\"3000-01-01T00:00:00.000000\",null]";
    assert_eq!(texts_of(DataType::Array, &decoded), some(&[expected]));
    assert_eq!(decoded.report(), [(2, "/p/0", ViolationCode::InvalidValue)]);
}

#[test]
fn types_of_parquet_that_are_not_read_are_named() {
    let variant = "message m { optional group p (VARIANT) { required binary metadata; required binary value; } }";
    let message = parse_message_type(variant).unwrap();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(message), Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    while let Some(mut column) = group.next_column().unwrap() {
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from("x")], Some(&[1]), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    let detail = refusal(&schema_of("object"), Format::Parquet, &file.into_inner().unwrap());
    assert_eq!(detail, "the column `p` holds a Parquet VARIANT, which is not read here; write it as text");

    let interval = "message m { required fixed_len_byte_array(12) p (INTERVAL); }";
    let body = file_of(interval, |column| {
        let value = FixedLenByteArray::from(ByteArray::from(vec![1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]));
        column.typed::<FixedLenByteArrayType>().write_batch(&[value], None, None).unwrap();
    });
    let detail = refusal(&schema_of("string"), Format::Parquet, &body);
    assert!(detail.starts_with("the column `p` holds a Parquet INTERVAL"), "{detail}");
}

#[test]
fn a_file_without_row_groups_has_columns_and_no_rows() {
    let columns = ArrowSchema::new(vec![Field::new(
        "p",
        ArrowType::Struct(vec![Field::new("a", ArrowType::Int8, true)].into()),
        true,
    )]);
    let body = parquet(&[RecordBatch::new_empty(Arc::new(columns))]);
    assert_eq!(read_parquet("object", &body).received, 0);
    assert!(refusal(&schema_of("integer"), Format::Parquet, &body).contains("which cannot hold integer"));
}

/// Numbers that are all the same take no room in a file, however many a row has.
#[test]
fn lists_of_parquet_are_set_aside_before_they_are_read() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7; 3_000_000]));
    let item = Arc::new(Field::new("item", ArrowType::Int32, false));
    let column: ArrayRef = Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([3_000_000]), numbers, None));
    let body = parquet(&[batch(vec![("p", column)])]);
    assert!(body.len() < 100_000, "{}", body.len());
    super::limits::assert_memory_short(&schema_of("array"), &body, 20 << 20);
    assert_eq!(read_parquet("array", &body).failed, 0, "6 MB of JSON");
}

#[test]
fn rows_may_be_refused_for_their_size_so_often() {
    let properties: Json = json!([{"name": "p", "type": "array"}]);
    let columns = ArrowSchema::new(vec![Field::new_list("p", Field::new("item", ArrowType::Int8, true), true)]);
    let schema = schema(&properties);
    let names = schema.source_names();
    let plan = crate::reader::columnar::plan::ColumnPlan::new(&schema, names, &columns, false).unwrap();
    assert!(plan.waste(4 << 30), "up to 4 GiB");
    assert!(plan.waste(1));
    assert!(!plan.waste(1));
}
