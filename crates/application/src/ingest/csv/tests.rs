//! CSV bodies that become batches, and the exact report of those that do not.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use eider_domain::{Schema, SchemaDefinition, Timestamp, Violation, ViolationCode};
use serde_json::json;

use crate::ingest::test_support::{self, Decoded, report};
use crate::ingest::{BodyFormat, DecodedBatch, IngestLimits, RecordDecoder};
use crate::{Error, IdOrigin};

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

fn decode_in(
    limits: IngestLimits,
    body: &[u8],
    step: usize,
) -> Result<(RecordDecoder, Vec<DecodedBatch>, Vec<Violation>), Error> {
    test_support::decode_in(&schema(), BodyFormat::Csv, limits, body, step).map(Decoded::into_parts)
}

fn decode(body: &str) -> (RecordDecoder, Vec<DecodedBatch>, Vec<Violation>) {
    decode_in(IngestLimits::default(), body.as_bytes(), 7).unwrap()
}

/// The codes that one cell of a property comes to.
fn codes(property: &str, cell: &str) -> Vec<ViolationCode> {
    let (_, _, failures) = decode(&format!("carrier,{property}\nUA,{cell}\n"));
    assert!(failures.iter().all(|v| v.line == Some(2) && v.pointer == format!("/{property}")), "{failures:?}");
    failures.into_iter().map(|v| v.code).collect()
}

fn refusal(body: &str) -> String {
    match decode_in(IngestLimits::default(), body.as_bytes(), 3) {
        Err(Error::MalformedBody { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn cells_are_typed_by_their_properties() {
    let body = "EXTRA,flight,Carrier,delay,fare,is_late,day\r\n\
                \"{\"\"a\"\": [1, \"\" x \"\"]}\",-5,UA,1.5e2,12.50,true,2026-01-31\r\n\
                ,,\"a\"\"\n,\",,,,\r\n";
    for step in 1..body.len() {
        let (decoder, batches, failures) = decode_in(IngestLimits::default(), body.as_bytes(), step).unwrap();
        assert_eq!((failures, decoder.received(), batches.len()), (vec![], 2, 1));
        assert_eq!(batches[0].ids, IdOrigin::Generated);
        let column = |index: usize| batches[0].records.column(4 + index);
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
    let (_, batches, failures) = decode("carrier,note,flight\n\"\",\"\",\"\"\nUA,,\n");
    assert_eq!(failures, []);
    let note = batches[0].records.column(11).as_string::<i32>();
    assert_eq!(note.iter().collect::<Vec<_>>(), [Some(""), None]);
    assert_eq!(batches[0].records.column(4).as_string::<i32>().value(0), "");
    assert_eq!(batches[0].records.column(5).null_count(), 2);
}

#[test]
fn only_a_property_without_a_column_takes_its_default() {
    let (_, batches, _) = decode("carrier,delay\nUA,\n");
    assert!(batches[0].records.column(6).is_null(0));
    assert_eq!(batches[0].records.column(11).as_string::<i32>().value(0), "none");
}

#[test]
fn cells_keep_the_rules_of_json() {
    use ViolationCode::{InvalidValue, OutOfRange, TypeMismatch};
    let cases: [(&str, &[&str], ViolationCode); 10] = [
        ("flight", &["1.5", "1.0", "x", " 1", "1 ", "+1", "01", "0x1", "1_0", "--1", "-", "1e2"], TypeMismatch),
        ("flight", &["9223372036854775808", "-9223372036854775809", "99999999999999999999"], OutOfRange),
        ("delay", &["NaN", "inf", "1.", ".5", "+1", "1e", "1e+", " 1", "\"1,5\""], TypeMismatch),
        ("delay", &["1e400"], OutOfRange),
        ("is_late", &["TRUE", "1", "yes", " true"], TypeMismatch),
        ("fare", &["1.234", "1000", "1e2", "x", " 1"], InvalidValue),
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
        let (decoder, batches, failures) = decode_in(IngestLimits::default(), body.as_bytes(), step).unwrap();
        assert_eq!(report(&failures), expected);
        assert_eq!((decoder.received(), decoder.failed(), batches[0].records.num_rows()), (8, 7, 1));
        assert_eq!(decoder.into_lines().line_of(0), 11);
    }
    let (_, _, failures) = decode("carrier\nUA,1\n");
    assert_eq!(failures[0].detail, "the record has 2 cells, the header has 1");
}

#[test]
fn a_required_property_without_a_column_fails_every_record() {
    let (decoder, _, failures) = decode_in(IngestLimits::default(), b"flight\n1\n2\n3\n", 4).unwrap();
    assert_eq!(report(&failures), [2, 3, 4].map(|line| (line, "/carrier", ViolationCode::RequiredMissing)));
    assert_eq!(decoder.failed(), 3);
}

#[test]
fn bytes_that_are_not_utf8_are_malformed() {
    let (_, batches, failures) = decode_in(IngestLimits::default(), b"carrier\nU\xffA\n\xc3\xa9\n", 1).unwrap();
    assert_eq!(report(&failures), [(2, "", ViolationCode::MalformedCsv)]);
    assert_eq!(batches[0].records.column(4).as_string::<i32>().value(0), "é");
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
    assert!(matches!(decode_in(IngestLimits::default(), b"\xef\xbb\n", 1), Err(Error::MalformedBody { .. })));
}

#[test]
fn a_header_alone_is_a_body_without_records() {
    let (decoder, batches, failures) = decode("\u{feff}\"id\",carrier");
    assert_eq!((decoder.received(), batches.len(), failures), (0, 0, vec![]));
}

#[test]
fn ids_of_the_client_mark_their_batch() {
    let (_, batches, failures) = decode("id,carrier\n01890A5D-AC96-774b-bcce-b302099a8057,UA\n,AA\n7,DL\n");
    assert_eq!(report(&failures), [(4, "/id", ViolationCode::InvalidValue)]);
    assert_eq!((batches[0].ids.clone(), batches[0].records.num_rows()), (IdOrigin::of([true, false]), 2));
    let (_, batches, _) = decode("id,carrier\n,UA\n\"\",AA\n");
    assert_eq!(batches[0].ids, IdOrigin::Generated);
}

#[test]
fn the_limits_hold() {
    let limits = IngestLimits { max_record_bytes: 20, max_records: 3, batch_rows: 2, ..IngestLimits::default() };
    let (_, batches, failures) = decode_in(limits, b"carrier\na\nb\nxxxxxxxxxxxxxxxxxxxxx\n", 6).unwrap();
    assert_eq!(report(&failures), [(4, "", ViolationCode::RecordTooLarge)]);
    assert_eq!(batches.len(), 1);
    let refused = decode_in(limits, b"carrier\na\nb\nc\nd\n", 6);
    assert!(matches!(refused, Err(Error::TooManyRecords { limit: 3 })));
    let refused = decode_in(limits, b"carrier,flight,delay,fare\na,,,\n", 6);
    assert!(matches!(refused, Err(Error::MalformedBody { .. })));
}

#[test]
fn a_stray_quote_that_takes_lines_for_its_own_is_named_with_all_of_them() {
    let lines: String = (0..997).map(|_| "AA,1\n").collect();
    for (cell, code) in [("\"UA,1", ViolationCode::MalformedCsv), ("\"UA", ViolationCode::MalformedCsv)] {
        let (decoder, _, failures) = decode(&format!("carrier,flight\nDL,1\n{cell}\n{lines}UA\" x,1\nDL,2\n"));
        assert_eq!((decoder.received(), decoder.failed()), (3, 1));
        assert_eq!(report(&failures), [(3, "", code)]);
        assert!(failures[0].detail.contains("it goes from line 3 to line 1001"), "{}", failures[0].detail);
    }
    let (_, _, failures) = decode(&format!("carrier,flight\nDL,1\n\"UA\n{lines}x\",1,2\n"));
    assert_eq!(report(&failures), [(3, "", ViolationCode::WrongCount)]);
    assert!(failures[0].detail.contains("it goes from line 3 to line 1001"), "{}", failures[0].detail);
    let (_, _, failures) = decode("carrier,flight\nU\"A,1\n");
    assert!(!failures[0].detail.contains("it goes"), "{}", failures[0].detail);
    let unclosed = decode_in(IngestLimits::default(), format!("carrier\nDL\n\"UA\n{lines}").as_bytes(), 9);
    let Err(Error::MalformedBody { detail }) = unclosed else { panic!("{unclosed:?}") };
    assert_eq!(
        detail,
        "the quotes of the record that begins on line 3 are not closed by the end of the body, line 1001"
    );
}
