//! Bodies that become batches, and the exact report of those that do not.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use eider_domain::{SchemaDefinition, ViolationCode};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ingest::chunk::STEP_VIOLATIONS;
use crate::ingest::test_support::{self, Decoded, report};

fn schema() -> Arc<Schema> {
    let document = json!({"name": "s", "properties": [
        {"name": "carrier", "type": "string", "required": true},
        {"name": "flight", "type": "integer"},
        {"name": "delay", "type": "number", "default": 0.5},
        {"name": "extra", "type": "object"},
        {"name": "tags", "type": "array"}]});
    Arc::new(Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0)))
}

/// Decodes a body in pieces and returns the decoder, its batches and its failures.
fn decode_in(
    format: BodyFormat,
    limits: IngestLimits,
    body: &[u8],
    step: usize,
) -> Result<(RecordDecoder, Vec<DecodedBatch>, Vec<Violation>), Error> {
    test_support::decode_in(&schema(), format, limits, body, step).map(Decoded::into_parts)
}

fn decode(format: BodyFormat, body: &str) -> (RecordDecoder, Vec<DecodedBatch>, Vec<Violation>) {
    decode_in(format, IngestLimits::default(), body.as_bytes(), 7).unwrap()
}

#[test]
fn values_arrive_in_their_columns() {
    let body = r#"{"carrier":"UA","flight":1,"delay":2,"extra":{"a": [1, " x "]},"tags":[ 1e300 ]}
{"delay":null,"carrier":"A\u0041"}"#;
    let (decoder, batches, failures) = decode(BodyFormat::Ndjson, body);
    assert_eq!(failures, []);
    assert_eq!((decoder.received(), decoder.failed(), batches.len()), (2, 0, 1));
    let batch = &batches[0];
    assert_eq!(batch.ids, IdOrigin::Generated);
    let column = |index: usize| batch.records.column(4 + index);
    assert_eq!(column(0).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("UA"), Some("AA")]);
    assert_eq!(column(1).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(1), None]);
    assert_eq!(column(2).as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(2.0), None]);
    assert_eq!(column(3).as_string::<i32>().value(0), r#"{"a":[1," x "]}"#);
    assert_eq!(column(4).as_string::<i32>().value(0), "[1e300]");
    assert!(column(4).is_null(1));
}

#[test]
fn a_missing_property_takes_its_default() {
    let (_, batches, _) = decode(BodyFormat::Ndjson, r#"{"carrier":"UA"}"#);
    assert_eq!(batches[0].records.column(6).as_primitive::<Float64Type>().values().to_vec(), [0.5]);
}

/// Of the doubles around, the nearest: what a stream writes is read as the same number.
#[test]
fn a_number_is_read_as_the_nearest_double() {
    for text in ["2.8606501643876166e183", "0.1", "9007199254740993.0", "5e-324", "1.7976931348623157e308"] {
        let (_, batches, _) = decode(BodyFormat::Ndjson, &format!(r#"{{"carrier":"UA","delay":{text}}}"#));
        let read = batches[0].records.column(6).as_primitive::<Float64Type>().value(0);
        assert_eq!(read.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
}

#[test]
fn every_failure_names_line_pointer_and_code() {
    let lines = [
        r#"{"carrier":"UA","flight":"12"}"#,
        r#"{"flight":1.5,"delay":true}"#,
        r#"{"carrier":"UA"}"#,
        r#"{"carrier":"UA","flight":9223372036854775808}"#,
        r#"{"carrier":"UA","delay":NaN}"#,
        r#"{"carrier":"UA","delay":1e400}"#,
        r#"{"carrier":"UA","carrier":"AA"}"#,
        r#"{"carrier":"UA","planet":"Mars","version":2}"#,
        r#"{"carrier":"UA","extra":[1],"tags":{}}"#,
        "[1]",
        "7",
        r#"{"carrier":"UA""#,
        r#"{"carrier":"UA"} x"#,
        r#"{"carrier":{"a":1},"flight":[2]}"#,
        r#"{"carrier":"\ud800"}"#,
    ];
    let expected = [
        (1, "/flight", ViolationCode::TypeMismatch),
        (2, "/flight", ViolationCode::TypeMismatch),
        (2, "/delay", ViolationCode::TypeMismatch),
        (2, "/carrier", ViolationCode::RequiredMissing),
        (4, "/flight", ViolationCode::OutOfRange),
        (5, "/delay", ViolationCode::MalformedJson),
        (6, "/delay", ViolationCode::OutOfRange),
        (7, "/carrier", ViolationCode::DuplicateKey),
        (8, "/planet", ViolationCode::UnknownProperty),
        (8, "/version", ViolationCode::ReadOnly),
        (9, "/extra", ViolationCode::TypeMismatch),
        (9, "/tags", ViolationCode::TypeMismatch),
        (10, "", ViolationCode::NotAnObject),
        (11, "", ViolationCode::NotAnObject),
        (12, "", ViolationCode::MalformedJson),
        (13, "", ViolationCode::MalformedJson),
        (14, "/carrier", ViolationCode::TypeMismatch),
        (14, "/flight", ViolationCode::TypeMismatch),
        (15, "/carrier", ViolationCode::MalformedJson),
    ];
    let (decoder, _, failures) = decode(BodyFormat::Ndjson, &lines.join("\n"));
    assert_eq!(report(&failures), expected);
    assert_eq!((decoder.received(), decoder.failed()), (15, 14));

    // The same report for an array, but for what is not one element there: lines 12 and 13.
    let elements: Vec<&str> =
        lines.iter().enumerate().filter(|(index, _)| !matches!(index, 11 | 12)).map(|(_, l)| *l).collect();
    let (_, _, failures) = decode(BodyFormat::JsonArray, &format!("[{}]", elements.join(",")));
    let expected: Vec<_> = expected
        .into_iter()
        .filter(|(line, ..)| !matches!(line, 12 | 13))
        .map(|(line, pointer, code)| (if line > 13 { line - 2 } else { line }, pointer, code))
        .collect();
    assert_eq!(report(&failures), expected);
}

#[test]
fn messages_hold_no_engine_and_no_foreign_text() {
    let (_, _, failures) = decode(BodyFormat::Ndjson, "{\"carrier\": sekret}");
    assert_eq!(failures[0].detail, "the record is not valid JSON: expected value, at line 1 column 13 of the record");
}

#[test]
fn bytes_that_are_not_utf8_are_malformed() {
    let body = b"{\"carrier\":\"\xff\"}\n{\"carrier\":\"UA\"}";
    let (_, batches, failures) = decode_in(BodyFormat::Ndjson, IngestLimits::default(), body, 5).unwrap();
    assert_eq!(report(&failures), [(1, "/carrier", ViolationCode::MalformedJson)]);
    assert_eq!(batches[0].records.num_rows(), 1);
}

#[test]
fn a_chunk_with_much_that_is_wrong_is_decoded_in_steps() {
    let mut decoder = test_support::decoder(&schema(), BodyFormat::Ndjson, IngestLimits::default());
    let mut chunks = decoder.cut("{}\n{\"carrier\":\"UA\"}\n".repeat(5_000).as_bytes()).unwrap();
    assert_eq!(chunks.len(), 1);
    let (mut next, mut steps, mut lines) = (chunks.pop(), 0, Vec::new());
    while let Some(chunk) = next {
        let block = decoder.take(chunk.decode().unwrap()).unwrap();
        assert!(block.failures.len() <= STEP_VIOLATIONS);
        lines.extend(block.failures.iter().map(|failure| failure.line.unwrap()));
        (next, steps) = (block.rest, steps + 1);
    }
    assert_eq!((decoder.received(), decoder.failed(), steps), (10_000, 5_000, 2));
    assert_eq!(lines, (0..5_000).map(|pair| 2 * pair + 1).collect::<Vec<u64>>());
    assert_eq!(decoder.flush().unwrap().unwrap().records.num_rows(), 5_000);
    assert_eq!(decoder.into_lines().line_of(4_999), 10_000);
}

#[test]
fn chunks_may_be_decoded_in_any_order() {
    let limits = IngestLimits { batch_rows: 3, ..IngestLimits::default() };
    let records: Vec<_> = (0..10).map(|flight| json!({"carrier": "UA", "flight": flight}).to_string()).collect();
    let body = records.join("\n") + "\n";
    let mut decoder = test_support::decoder(&schema(), BodyFormat::Ndjson, limits);
    let chunks = decoder.cut(body.as_bytes()).unwrap();
    assert_eq!(chunks.len(), 4);
    let mut read: Vec<DecodedChunk> = chunks.into_iter().rev().map(|chunk| chunk.decode().unwrap()).collect();
    read.reverse();
    let mut batches = Vec::new();
    for chunk in read {
        batches.extend(decoder.take(chunk).unwrap().batches);
    }
    batches.extend(decoder.flush().unwrap());
    let flights = |batch: &DecodedBatch| batch.records.column(5).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(batches.iter().flat_map(flights).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    let ids = |batch: &DecodedBatch| {
        let ids = batch.records.column(0).as_fixed_size_binary();
        (0..ids.len()).map(|row| ids.value(row).to_vec()).collect::<Vec<_>>()
    };
    assert!(batches.iter().flat_map(ids).is_sorted(), "ids grow in the order of the body");
}

#[test]
fn rows_know_the_line_they_came_from() {
    let (decoder, _, _) =
        decode(BodyFormat::Ndjson, "\n{\"carrier\":\"a\"}\n{\"carrier\":\"b\"}\n\n{}\n{\"carrier\":\"c\"}\n");
    let lines = decoder.into_lines();
    assert_eq!([0, 1, 2].map(|row| lines.line_of(row)), [2, 3, 6]);
    let (decoder, _, _) = decode(BodyFormat::JsonArray, r#"[{"carrier":"a"},{"carrier":"b"}]"#);
    let lines = decoder.into_lines();
    assert_eq!([0, 1].map(|row| lines.line_of(row)), [1, 2]);
}

#[test]
fn one_record_too_many_refuses_the_body() {
    let limits = IngestLimits { max_records: 2, ..IngestLimits::default() };
    let body = "{\"carrier\":\"a\"}\n".repeat(3);
    let refused = decode_in(BodyFormat::Ndjson, limits, body.as_bytes(), 100);
    assert!(matches!(refused, Err(Error::TooManyRecords { limit: 2 })));
}

#[test]
fn batches_end_at_their_bounds() {
    let body = "{\"carrier\":\"abcdefgh\"}\n".repeat(10);
    for limits in [
        IngestLimits { batch_rows: 4, ..IngestLimits::default() },
        IngestLimits { batch_bytes: 4 * 44, ..IngestLimits::default() },
    ] {
        let (_, batches, _) = decode_in(BodyFormat::Ndjson, limits, body.as_bytes(), 1000).unwrap();
        assert_eq!(batches.iter().map(|batch| batch.records.num_rows()).collect::<Vec<_>>(), [4, 4, 2]);
    }
}

#[test]
fn an_id_of_the_client_marks_its_batch() {
    let body = "{\"carrier\":\"a\"}\n{\"carrier\":\"b\",\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}";
    let (_, batches, _) = decode(BodyFormat::Ndjson, body);
    assert_eq!(batches[0].ids, IdOrigin::of([false, true]));
    let ids = batches[0].records.column(0).as_fixed_size_binary();
    assert_eq!(ids.value(1)[..4], [0x01, 0x89, 0x0a, 0x5d]);
    assert_eq!(ids.value(0)[6] >> 4, 7, "the other id is a UUIDv7");
}

#[test]
fn a_single_record_tells_malformed_from_invalid() {
    let decoder = test_support::decoder(&schema(), BodyFormat::Ndjson, IngestLimits::default());
    assert!(matches!(decoder.decode_single(b"{"), Err(Error::MalformedJson { .. })));
    assert!(matches!(decoder.decode_single(b""), Err(Error::MalformedJson { .. })));
    assert!(matches!(decoder.decode_single(b"[]"), Err(Error::RecordInvalid(_))));
    assert!(matches!(decoder.decode_single(b"{}"), Err(Error::RecordInvalid(violations)) if violations.len() == 1));
    let pretty = decoder.decode_single(b"{\n  \"carrier\": \"UA\",\n  \"extra\": {\n \"a\": 1 }\n}\n").unwrap();
    assert_eq!(pretty.records.column(7).as_string::<i32>().value(0), r#"{"a":1}"#);
}

proptest! {
    #[test]
    fn the_report_does_not_depend_on_where_the_pieces_end(
        records in proptest::collection::vec(prop_oneof![
            Just("{\"carrier\":\"UA\"}"), Just("{\"carrier\":\"\\\"}{\"}"), Just("{}"), Just("{\"carrier\":1}"), Just("nonsense"),
        ], 0..12),
        step in 1_usize..40,
    ) {
        let body = records.join("\n");
        let whole = decode_in(BodyFormat::Ndjson, IngestLimits::default(), body.as_bytes(), body.len().max(1)).unwrap();
        let pieces = decode_in(BodyFormat::Ndjson, IngestLimits::default(), body.as_bytes(), step).unwrap();
        prop_assert_eq!(whole.2, pieces.2);
        prop_assert_eq!(whole.0.received(), pieces.0.received());
        let rows = |batches: &[DecodedBatch]| batches.iter().map(|b| b.records.num_rows()).sum::<usize>();
        prop_assert_eq!(rows(&whole.1), rows(&pieces.1));
    }
}

#[test]
fn nested_values_keep_the_rules_of_all_values_in_every_format_of_rows() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let most = IngestLimits::default().max_json_depth;
    for (value, pointer, code) in [
        (r#"{"a":{"b":1,"b":2}}"#.to_owned(), "/extra/a/b", ViolationCode::DuplicateKey),
        (r#"{"a":[1,1e400]}"#.to_owned(), "/extra/a/1", ViolationCode::OutOfRange),
        (r#"{"t":"cut \\ud83d"}"#.replace("\\\\", "\\"), "/extra/t", ViolationCode::MalformedJson),
        (format!(r#"{{"d":{}}}"#, deep(most)), "/extra/d", ViolationCode::TooDeep),
    ] {
        let record = format!(r#"{{"carrier":"UA","extra":{value}}}"#);
        let cell = value.replace('"', "\"\"");
        for (format, body, line) in [
            (BodyFormat::Ndjson, format!("{{\"carrier\":\"AA\"}}\n{record}\n"), 2),
            (BodyFormat::JsonArray, format!("[{{\"carrier\":\"AA\"}}, {record}]"), 2),
            (BodyFormat::Csv, format!("carrier,extra\nAA,\nUA,\"{cell}\"\n"), 3),
        ] {
            let (decoder, _, failures) = decode(format, &body);
            assert_eq!((decoder.received(), decoder.failed()), (2, 1), "{format:?} {value}");
            let [found] = failures.as_slice() else { panic!("{failures:?}") };
            assert_eq!((found.line, found.code), (Some(line), code), "{format:?} {value}");
            assert!(found.pointer.starts_with(pointer), "{} in {format:?}", found.pointer);
        }
    }
    let deepest = format!(r#"{{"carrier":"UA","tags":{}}}"#, deep(most));
    assert_eq!(decode(BodyFormat::Ndjson, &deepest).2, []);
}

/// A decimal keeps every digit, whatever form of number it comes in.
#[test]
fn a_decimal_is_read_from_a_number_by_its_digits() {
    let document = json!({"name": "d", "properties": [{"name": "d", "type": "decimal", "precision": 38, "scale": 3}]});
    let schema = Arc::new(Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0)));
    for (number, unscaled) in [
        ("18446744073709551616", 18_446_744_073_709_551_616_000),
        ("9223372036854775808", 9_223_372_036_854_775_808_000),
        ("-9223372036854775809", -9_223_372_036_854_775_809_000),
        ("12.50", 12_500),
        ("1e3", 1_000_000),
        ("\"12.5\"", 12_500),
    ] {
        let body = format!("{{\"d\":{number}}}");
        let decoded =
            test_support::decode_in(&schema, BodyFormat::Ndjson, IngestLimits::default(), body.as_bytes(), 64);
        let (_, batches, failures) = decoded.unwrap().into_parts();
        assert_eq!(failures, [], "{number}");
        assert_eq!(batches[0].records.column(4).as_primitive::<Decimal128Type>().value(0), unscaled, "{number}");
    }
    for (value, code) in [
        ("1e36", ViolationCode::OutOfRange),
        ("12.0001", ViolationCode::OutOfRange),
        ("1e400", ViolationCode::OutOfRange),
        ("true", ViolationCode::TypeMismatch),
        ("[1]", ViolationCode::TypeMismatch),
        ("\"\\ud800\"", ViolationCode::MalformedJson),
    ] {
        let body = format!("{{\"d\":{value}}}");
        let decoded =
            test_support::decode_in(&schema, BodyFormat::Ndjson, IngestLimits::default(), body.as_bytes(), 64);
        assert_eq!(report(&decoded.unwrap().into_parts().2), [(1, "/d", code)], "{value}");
    }
}
