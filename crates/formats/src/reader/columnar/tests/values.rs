//! What a column of each Arrow type comes to in a property of each type.

use std::sync::Arc;

use ::parquet::data_type::{Int96, Int96Type};
use ::parquet::file::writer::SerializedFileWriter;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int32Array, Int64Array, NullArray, StringArray, Time32SecondArray,
    Time64NanosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
    UInt64Array,
};
use arrow_buffer::i256;
use eider_domain::{DataType, Schema, ViolationCode};
use serde_json::{Value as Json, json};

use super::{batch, decode, schema, text_columns};
use crate::test_support::decode_in;
use crate::{Format, ReadLimits, value_at};

use ViolationCode::{
    BelowMinimum, DuplicateKey, InvalidValue, MalformedJson, NotInEnum, OutOfRange, RequiredMissing, TooShort,
    TypeMismatch,
};

/// A schema whose one property is called `p`.
fn schema_of(mut property: Json) -> Arc<Schema> {
    property["name"] = "p".into();
    schema(&json!([property]))
}

/// The text of the values that a column comes to in a property `p`, and the codes of those refused.
fn values(property: Json, column: ArrayRef) -> (Vec<Option<String>>, Vec<(u64, ViolationCode)>) {
    let schema = schema_of(property);
    let decoded = decode(&schema, &[batch(vec![("p", column)])]);
    let data_type = schema.properties()[0].data_type;
    let column = decoded.property(0);
    let texts = (0..column.len()).map(|row| value_at(data_type, column, row).text(data_type));
    (texts.collect(), decoded.failures.iter().map(|v| (v.line.unwrap(), v.code)).collect())
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

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
        (json!({"type": "object"}), "{\"a\":[1e300]}", "{", InvalidValue),
        (json!({"type": "object"}), "{}", "{\"a\":[1e400]}", OutOfRange),
        (json!({"type": "object"}), "{}", "{\"a\":{\"b\":1,\"b\":1}}", DuplicateKey),
        (json!({"type": "array"}), "[\"\\ud83d\\ude00\"]", "[\"\\ud83d\"]", MalformedJson),
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

#[test]
fn the_times_of_old_parquet_writers_are_read_beyond_what_nanoseconds_reach() {
    const JULIAN_DAY_OF_1970: u32 = 2_440_588;
    // Nanoseconds of the day, low word first, and the day.
    let times = [
        vec![1_000, 0, JULIAN_DAY_OF_1970],
        vec![0, 0, JULIAN_DAY_OF_1970 + 376_200],
        // Parts of microseconds, near and far.
        vec![1_001, 0, JULIAN_DAY_OF_1970],
        vec![999, 0, JULIAN_DAY_OF_1970 + 376_200],
        vec![0, 0, JULIAN_DAY_OF_1970 - 700_000],
    ];
    let body = old_times(times.map(Int96::from));
    let schema = schema_of(json!({"type": "datetime"}));
    let decoded = decode_in(&schema, Format::Parquet, ReadLimits::default(), &body, 100).unwrap();
    assert_eq!(decoded.report(), [(3, "/p", InvalidValue), (4, "/p", InvalidValue)]);
    let expected = ["1970-01-01T00:00:00.000001Z", "3000-01-01T00:00:00.000000Z", "0053-06-19T00:00:00.000000Z"];
    let found = [0, 1, 2].map(|row| value_at(DataType::Datetime, decoded.column("p"), row).text(DataType::Datetime));
    assert_eq!(found, expected.map(|text| Some(text.to_owned())));
}

/// A Parquet file of times as old writers have them.
fn old_times<const N: usize>(times: [Int96; N]) -> Vec<u8> {
    let message = ::parquet::schema::parser::parse_message_type("message m { required int96 p; }").unwrap();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(message), Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int96Type>().write_batch(&times, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    file.into_inner().unwrap()
}

#[test]
fn parts_of_microseconds_of_old_parquet_writers_are_cut_where_that_is_said() {
    let body =
        old_times([[1_001, 0, 2_440_588], [1_000, 0, 2_440_588], [999, 0, 2_440_587]].map(|t| Int96::from(t.to_vec())));
    for (property, expected, refused) in [
        (json!({"type": "datetime"}), &["1970-01-01T00:00:00.000001Z"][..], &[1, 3][..]),
        (
            json!({"type": "datetime", "truncate": true}),
            &["1970-01-01T00:00:00.000001Z", "1970-01-01T00:00:00.000001Z", "1969-12-31T00:00:00.000000Z"],
            &[],
        ),
    ] {
        let decoded = decode_in(&schema_of(property), Format::Parquet, ReadLimits::default(), &body, 100).unwrap();
        let failed: Vec<u64> = decoded.failures.iter().map(|failure| failure.line.unwrap()).collect();
        assert_eq!(failed, refused);
        let column = decoded.column("p");
        let texts = (0..column.len()).map(|row| value_at(DataType::Datetime, column, row).text(DataType::Datetime));
        assert_eq!(texts.collect::<Vec<_>>(), some(expected));
    }
}

#[test]
fn zones_do_not_move_instants() {
    let schema = schema_of(json!({"type": "datetime"}));
    let column = Arc::new(TimestampMicrosecondArray::from(vec![1, 2]).with_timezone("+05:00"));
    let decoded = decode(&schema, &[batch(vec![("p", column)])]);
    assert_eq!(decoded.column("p").as_primitive::<TimestampMicrosecondType>().values().to_vec(), [1, 2]);
}
