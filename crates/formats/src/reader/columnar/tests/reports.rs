//! What is reported of rows and columns that do not fit, and whose ids records bear.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, Float64Array, Int32Array, Int64Array, NullArray, StructArray,
};
use eider_domain::ViolationCode;

use super::{arrow, batch, carriers, decode, flights, parquet, refusal, text_columns};
use crate::reader::chunk::STEP_VIOLATIONS;
use crate::test_support::decode_in;
use crate::{Format, ReadLimits};

use ViolationCode::{InvalidValue, OutOfRange, RequiredMissing};

#[test]
fn both_formats_give_the_same_batches_and_the_same_report() {
    let first = batch(vec![
        ("FLIGHT", Arc::new(Int32Array::from(vec![Some(1), Some(2), None, Some(4)]))),
        ("Carrier", carriers(&[Some("UA"), None, Some("AA"), Some("too long")])),
    ]);
    let second = first.slice(0, 2);
    for (format, body) in
        [(Format::ArrowStream, arrow(&[first.clone(), second.clone()])), (Format::Parquet, parquet(&[first, second]))]
    {
        for step in [1, 13, 1 << 20] {
            let decoded = decode_in(&flights(), format, ReadLimits::default(), &body, step).unwrap();
            let expected = [
                (2, "/carrier", RequiredMissing),
                (4, "/carrier", ViolationCode::TooLong),
                (6, "/carrier", RequiredMissing),
            ];
            assert_eq!(decoded.report(), expected, "{format:?}");
            assert_eq!((decoded.received, decoded.failed), (6, 3));
            assert_eq!(decoded.rows.iter().sum::<usize>(), 3);
            assert_eq!(decoded.property(0).as_string::<i32>().value(1), "AA");
            assert_eq!(
                decoded.property(1).as_primitive::<Int64Type>().iter().take(2).collect::<Vec<_>>(),
                [Some(1), None]
            );
            assert_eq!(decoded.property(2).as_primitive::<Float64Type>().iter().next(), Some(Some(0.5)));
            assert!(decoded.property(3).is_null(0));
            assert_eq!(decoded.has_given_id(), [false; 3]);
            assert_eq!(decoded.lines, [1, 3, 5]);
        }
    }
}

#[test]
fn violations_are_ordered_by_row_then_property() {
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
    let decoded = decode(&flights(), &[columns]);
    assert_eq!(decoded.report(), all);
    assert_eq!(decoded.failed, 4);
}

#[test]
fn a_required_property_without_a_column_fails_every_row() {
    let rows = 3 * STEP_VIOLATIONS;
    let columns = batch(vec![("flight", Arc::new(Int64Array::from(vec![1; rows])) as ArrayRef)]);
    let decoded = decode(&flights(), &[columns]);
    let expected: Vec<_> = (1..=rows as u64).map(|row| (row, "/carrier", RequiredMissing)).collect();
    assert_eq!(decoded.report(), expected);
    assert_eq!(decoded.failed, rows as u64);
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
            "the column `carrier` is of the Arrow type Int64, which cannot hold string; send Utf8, LargeUtf8 or Utf8View, or Binary, Duration or Interval for their text",
        ),
        (
            vec![("flight", carriers(&[Some("1")]))],
            "the column `flight` is of the Arrow type Utf8, which cannot hold integer; send Int8 to Int64, UInt8 to UInt64, Decimal32 to Decimal256 or Duration",
        ),
        (
            vec![("note", Arc::new(BooleanArray::from(vec![true])) as ArrayRef)],
            "the column `note` is of the Arrow type Boolean, which cannot hold string; send Utf8, LargeUtf8 or Utf8View, or Binary, Duration or Interval for their text",
        ),
        (
            vec![("flight", nested)],
            "the column `flight` is of the Arrow type Struct(\"flight\": Int64), which cannot hold integer; send Int8 to Int64, UInt8 to UInt64, Decimal32 to Decimal256 or Duration",
        ),
        (
            vec![("id", long)],
            "the column `id` is of the Arrow type Int64, which cannot hold uuid; send FixedSizeBinary(16), Binary of 16 bytes or text",
        ),
    ] {
        let columns = batch(columns);
        assert_eq!(refusal(&flights(), Format::ArrowStream, &arrow(std::slice::from_ref(&columns))), detail);
        assert_eq!(refusal(&flights(), Format::Parquet, &parquet(&[columns])), detail);
    }
}

#[test]
fn ids_of_the_client_mark_their_batch() {
    let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    let names = || ("carrier", carriers(&[Some("UA"), Some("AA"), Some("DL")]));
    for ids in text_columns(&[Some(uuid), None, Some("7")]) {
        let decoded = decode(&flights(), &[batch(vec![("ID", ids), names()])]);
        assert_eq!(decoded.report(), [(3, "/id", InvalidValue)]);
        assert_eq!(decoded.has_given_id(), [true, false]);
        assert_eq!(decoded.column("id").as_fixed_size_binary().value(0)[..4], [0x01, 0x89, 0x0a, 0x5d]);
    }
    let bytes = FixedSizeBinaryArray::try_from_sparse_iter_with_size([None, Some([7_u8; 16]), None].into_iter(), 16);
    let decoded = decode(&flights(), &[batch(vec![("id", Arc::new(bytes.unwrap())), names()])]);
    assert_eq!(decoded.column("id").as_fixed_size_binary().value(1), [7; 16]);
    let decoded = decode(&flights(), &[batch(vec![("id", Arc::new(NullArray::new(3))), names()])]);
    assert_eq!(decoded.has_given_id(), [false; 3]);
}
