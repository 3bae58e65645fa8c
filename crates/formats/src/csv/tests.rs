//! CSV bodies that become batches, and the exact report of those that do not.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use eider_domain::{Schema, SchemaDefinition, Timestamp, ViolationCode};
use serde_json::json;

use crate::test_support::{self, Decoded};
use crate::{Format, ReadError, ReadLimits};

fn schema() -> Arc<Schema> {
    let document = json!({"name": "s", "properties": [
        {"name": "carrier", "type": "string", "required": true, "constraints": {"max_length": 5}},
        {"name": "flight", "type": "integer"},
        {"name": "delay", "type": "number", "default": 0.5},
        {"name": "fare", "type": "decimal", "precision": 5, "scale": 2},
        {"name": "is_late", "type": "boolean"},
        {"name": "day", "type": "date"},
        {"name": "extra", "type": "object"},
        {"name": "note", "type": "string", "default": "none"}]});
    Arc::new(Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0)))
}

fn decode_in(limits: ReadLimits, body: &[u8], step: usize) -> Result<Decoded, ReadError> {
    test_support::decode_in(&schema(), Format::Csv, limits, body, step)
}

fn decode(body: &str) -> Decoded {
    decode_in(ReadLimits::default(), body.as_bytes(), 7).unwrap()
}

/// The codes that one cell of a property comes to.
fn codes(property: &str, cell: &str) -> Vec<ViolationCode> {
    let decoded = decode(&format!("carrier,{property}\nUA,{cell}\n"));
    assert!(
        decoded.failures.iter().all(|v| v.line == Some(2) && v.pointer == format!("/{property}")),
        "{:?}",
        decoded.failures
    );
    decoded.failures.iter().map(|v| v.code).collect()
}

fn refusal(body: &str) -> String {
    match decode_in(ReadLimits::default(), body.as_bytes(), 3) {
        Err(ReadError::MalformedBody { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn cells_are_typed_by_their_properties() {
    let body = "EXTRA,flight,Carrier,delay,fare,is_late,day\r\n\
                \"{\"\"a\"\": [1, \"\" x \"\"]}\",-5,UA,1.5e2,12.50,true,2026-01-31\r\n\
                ,,\"a\"\"\n,\",,,,\r\n";
    for step in 1..body.len() {
        let decoded = decode_in(ReadLimits::default(), body.as_bytes(), step).unwrap();
        assert_eq!((decoded.report(), decoded.received), (vec![], 2));
        assert_eq!(decoded.has_given_id(), [false; 2]);
        let column = |index: usize| decoded.property(index);
        assert_eq!(column(0).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("UA"), Some("a\"\n,")]);
        assert_eq!(column(1).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(-5), None]);
        assert_eq!(column(2).as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(150.0), None]);
        assert_eq!(column(3).as_primitive::<Decimal128Type>().value(0), 1250);
        assert_eq!(column(4).as_boolean().iter().collect::<Vec<_>>(), [Some(true), None]);
        assert_eq!(column(6).as_string::<i32>().value(0), r#"{"a":[1," x "]}"#);
        assert!((1..7).all(|index| column(index).is_null(1)));
    }
}

#[test]
fn a_quoted_empty_cell_is_text_where_text_may_be_and_null_elsewhere() {
    let decoded = decode("carrier,note,flight\n\"\",\"\",\"\"\nUA,,\n");
    assert_eq!(decoded.report(), []);
    let note = decoded.property(7).as_string::<i32>();
    assert_eq!(note.iter().collect::<Vec<_>>(), [Some(""), None]);
    assert_eq!(decoded.property(0).as_string::<i32>().value(0), "");
    assert_eq!(decoded.property(1).null_count(), 2);
}

#[test]
fn only_a_property_without_a_column_takes_its_default() {
    let decoded = decode("carrier,delay\nUA,\n");
    assert!(decoded.property(2).is_null(0));
    assert_eq!(decoded.property(7).as_string::<i32>().value(0), "none");
}

#[test]
fn cells_keep_the_rules_of_json() {
    use ViolationCode::{InvalidValue, OutOfRange, TypeMismatch};
    let cases: [(&str, &[&str], ViolationCode); 10] = [
        ("flight", &["1.5", "1e-2", "x", " 1", "1 ", "+1", "01", "01.0", "0x1", "1_0", "--1", "-"], TypeMismatch),
        ("flight", &["9223372036854775808", "-9223372036854775809", "99999999999999999999"], OutOfRange),
        ("delay", &["NaN", "inf", "1.", ".5", "+1", "1e", "1e+", " 1", "\"1,5\""], TypeMismatch),
        ("delay", &["1e400"], OutOfRange),
        ("is_late", &["T", "1", "yes", " true"], TypeMismatch),
        ("fare", &["1.234", "1000", "1e3", "1e-3", "1e", "x", " 1"], InvalidValue),
        ("day", &["2026-02-30", "31.01.2026", "2026-01-31T00:00:00Z"], InvalidValue),
        ("extra", &["[1]", "1", "true", "\"\"\"x\"\"\""], TypeMismatch),
        ("extra", &["{", "x", "{} {}", "nul", " "], InvalidValue),
        ("id", &["7", "01890a5dac96774bbcceb302099a8057"], InvalidValue),
    ];
    for (property, cells, code) in cases {
        for cell in cells {
            assert_eq!(codes(property, cell), [code], "{property}: {cell}");
        }
    }
    for (property, cell) in [
        ("flight", "-0"),
        ("flight", "1.0"),
        ("flight", "1e2"),
        ("fare", "1e2"),
        ("fare", "125e-2"),
        ("is_late", "TRUE"),
        ("is_late", "False"),
        ("flight", "9223372036854775807"),
        ("flight", "-9223372036854775808"),
        ("delay", "1e-400"),
        ("delay", "18446744073709551616"),
        ("extra", " {} "),
        ("extra", "null"),
    ] {
        assert_eq!(codes(property, cell), [], "{property}: {cell}");
    }
}

#[test]
fn every_failure_names_the_line_on_which_its_record_begins() {
    let body = "carrier,flight,note\n\nUA,x,\"two\nlines\"\n,1,\nUA,1\nUA,1,a,b\nU\"A,1,\nUA,1,\"a\"b\n\"toolong\",y,\nUA,2,ok\n";
    let expected = [
        (3, "/flight", ViolationCode::TypeMismatch),
        (5, "/carrier", ViolationCode::RequiredMissing),
        (6, "", ViolationCode::WrongCount),
        (7, "", ViolationCode::WrongCount),
        (8, "", ViolationCode::MalformedCsv),
        (9, "", ViolationCode::MalformedCsv),
        (10, "/carrier", ViolationCode::TooLong),
        (10, "/flight", ViolationCode::TypeMismatch),
    ];
    for step in [1, 2, 3, 5, 100] {
        let decoded = decode_in(ReadLimits::default(), body.as_bytes(), step).unwrap();
        assert_eq!(decoded.report(), expected);
        assert_eq!((decoded.received, decoded.failed, decoded.records.num_rows()), (8, 7, 1));
        assert_eq!(decoded.lines, [11]);
    }
    let decoded = decode("carrier\nUA,1\n");
    assert_eq!(decoded.failures[0].detail, "the record has 2 cells, the header has 1");
}

#[test]
fn a_required_property_without_a_column_fails_every_record() {
    let decoded = decode_in(ReadLimits::default(), b"flight\n1\n2\n3\n", 4).unwrap();
    assert_eq!(decoded.report(), [2, 3, 4].map(|line| (line, "/carrier", ViolationCode::RequiredMissing)));
    assert_eq!(decoded.failed, 3);
}

#[test]
fn bytes_that_are_not_utf8_are_malformed() {
    let decoded = decode_in(ReadLimits::default(), b"carrier\nU\xffA\n\xc3\xa9\n", 1).unwrap();
    assert_eq!(decoded.report(), [(2, "", ViolationCode::MalformedCsv)]);
    assert_eq!(decoded.property(0).as_string::<i32>().value(0), "é");
}

#[test]
fn a_header_that_does_not_fit_refuses_the_body() {
    for (body, detail) in [
        ("", "the body is empty; expected a CSV header row"),
        ("\n\r\n", "the body is empty; expected a CSV header row"),
        ("carrier,fligth\nUA,1\n", "the schema has no property for the column `fligth`; did you mean `flight`?"),
        ("carrier,\nUA,\n", "the schema has no property for the column ``"),
        ("carrier,Carrier\nUA,UA\n", "the column `Carrier` is given twice; case does not count"),
        ("id,ID\n", "the column `ID` is given twice; case does not count"),
        ("carrier,Version\nUA,1\n", "the column `version` is kept by the server and may not be sent"),
        ("car\"rier\nUA\n", "the header row has a quote where none may stand"),
        (
            "carrier\n\"UA\n",
            "the quotes of the record that begins on line 2 are not closed by the end of the body, line 3",
        ),
    ] {
        assert_eq!(refusal(body), detail, "{body}");
    }
    assert!(matches!(decode_in(ReadLimits::default(), b"\xef\xbb\n", 1), Err(ReadError::MalformedBody { .. })));
}

#[test]
fn a_header_alone_is_a_body_without_records() {
    let decoded = decode("\u{feff}\"id\",carrier");
    assert_eq!((decoded.received, decoded.report()), (0, vec![]));
}

#[test]
fn ids_of_the_client_mark_their_batch() {
    let decoded = decode("id,carrier\n01890A5D-AC96-774b-bcce-b302099a8057,UA\n,AA\n7,DL\n");
    assert_eq!(decoded.report(), [(4, "/id", ViolationCode::InvalidValue)]);
    assert_eq!(decoded.has_given_id(), [true, false]);
    let decoded = decode("id,carrier\n,UA\n\"\",AA\n");
    assert_eq!(decoded.has_given_id(), [false; 2]);
}

#[test]
fn the_limits_hold() {
    let limits = ReadLimits { max_record_bytes: 20, batch_rows: 2, ..ReadLimits::default() };
    let decoded = decode_in(limits, b"carrier\na\nb\nxxxxxxxxxxxxxxxxxxxxx\n", 6).unwrap();
    assert_eq!(decoded.report(), [(4, "", ViolationCode::RecordTooLarge)]);
    assert_eq!(decoded.records.num_rows(), 2);
    let refused = decode_in(limits, b"carrier,flight,delay,fare\na,,,\n", 6);
    assert!(matches!(refused, Err(ReadError::MalformedBody { .. })));
}

#[test]
fn a_stray_quote_that_takes_lines_for_its_own_is_named_with_all_of_them() {
    let lines: String = (0..997).map(|_| "AA,1\n").collect();
    for (cell, code) in [("\"UA,1", ViolationCode::MalformedCsv), ("\"UA", ViolationCode::MalformedCsv)] {
        let decoded = decode(&format!("carrier,flight\nDL,1\n{cell}\n{lines}UA\" x,1\nDL,2\n"));
        assert_eq!((decoded.received, decoded.failed), (3, 1));
        assert_eq!(decoded.report(), [(3, "", code)]);
        assert!(
            decoded.failures[0].detail.contains("it goes from line 3 to line 1001"),
            "{}",
            decoded.failures[0].detail
        );
    }
    let decoded = decode(&format!("carrier,flight\nDL,1\n\"UA\n{lines}x\",1,2\n"));
    assert_eq!(decoded.report(), [(3, "", ViolationCode::WrongCount)]);
    assert!(decoded.failures[0].detail.contains("it goes from line 3 to line 1001"), "{}", decoded.failures[0].detail);
    let decoded = decode("carrier,flight\nU\"A,1\n");
    assert!(!decoded.failures[0].detail.contains("it goes"), "{}", decoded.failures[0].detail);
    let unclosed = decode_in(ReadLimits::default(), format!("carrier\nDL\n\"UA\n{lines}").as_bytes(), 9);
    let Err(ReadError::MalformedBody { detail }) = unclosed else { panic!("{unclosed:?}") };
    assert_eq!(
        detail,
        "the quotes of the record that begins on line 3 are not closed by the end of the body, line 1001"
    );
}
