//! JSON bodies that become columns, and the exact report of those that do not.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type};
use eider_domain::{Schema, SchemaDefinition, Timestamp, ViolationCode};
use proptest::prelude::*;
use serde_json::json;

use crate::test_support::{self, Decoded};
use crate::{Format, ReadError, ReadLimits};

fn schema() -> Arc<Schema> {
    let document = json!({"name": "s", "properties": [
        {"name": "carrier", "type": "string", "required": true},
        {"name": "flight", "type": "integer"},
        {"name": "delay", "type": "number", "default": 0.5},
        {"name": "extra", "type": "object"},
        {"name": "tags", "type": "array"}]});
    Arc::new(Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0)))
}

fn decode_in(format: Format, body: &[u8], step: usize) -> Result<Decoded, ReadError> {
    test_support::decode_in(&schema(), format, ReadLimits::default(), body, step)
}

fn decode(format: Format, body: &str) -> Decoded {
    decode_in(format, body.as_bytes(), 7).unwrap()
}

#[test]
fn a_missing_property_takes_its_default() {
    let decoded = decode(Format::Ndjson, r#"{"carrier":"UA"}"#);
    assert_eq!(decoded.property(2).as_primitive::<Float64Type>().values().to_vec(), [0.5]);
}

/// Of the doubles around, the nearest: what a stream writes is read as the same number.
#[test]
fn a_number_is_read_as_the_nearest_double() {
    for text in ["2.8606501643876166e183", "0.1", "9007199254740993.0", "5e-324", "1.7976931348623157e308"] {
        let decoded = decode(Format::Ndjson, &format!(r#"{{"carrier":"UA","delay":{text}}}"#));
        let read = decoded.property(2).as_primitive::<Float64Type>().value(0);
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
    let decoded = decode(Format::Ndjson, &lines.join("\n"));
    assert_eq!(decoded.report(), expected);
    assert_eq!((decoded.received, decoded.failed), (15, 14));

    // The same report for an array, but for what is not one element there: lines 12 and 13.
    let elements: Vec<&str> =
        lines.iter().enumerate().filter(|(index, _)| !matches!(index, 11 | 12)).map(|(_, l)| *l).collect();
    let decoded = decode(Format::JsonArray, &format!("[{}]", elements.join(",")));
    let expected: Vec<_> = expected
        .into_iter()
        .filter(|(line, ..)| !matches!(line, 12 | 13))
        .map(|(line, pointer, code)| (if line > 13 { line - 2 } else { line }, pointer, code))
        .collect();
    assert_eq!(decoded.report(), expected);
}

#[test]
fn messages_hold_no_engine_and_no_foreign_text() {
    let decoded = decode(Format::Ndjson, "{\"carrier\": sekret}");
    assert_eq!(
        decoded.failures[0].detail,
        "the record is not valid JSON: expected value, at line 1 column 13 of the record"
    );
}

#[test]
fn bytes_that_are_not_utf8_are_malformed() {
    let body = b"{\"carrier\":\"\xff\"}\n{\"carrier\":\"UA\"}";
    let decoded = decode_in(Format::Ndjson, body, 5).unwrap();
    assert_eq!(decoded.report(), [(1, "/carrier", ViolationCode::MalformedJson)]);
    assert_eq!(decoded.records.num_rows(), 1);
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
        let whole = decode_in(Format::Ndjson, body.as_bytes(), body.len().max(1)).unwrap();
        let pieces = decode_in(Format::Ndjson, body.as_bytes(), step).unwrap();
        prop_assert_eq!(whole.failures, pieces.failures);
        prop_assert_eq!(whole.received, pieces.received);
        prop_assert_eq!(whole.records, pieces.records);
    }
}

#[test]
fn nested_values_keep_the_rules_of_all_values_in_every_format_of_rows() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let most = ReadLimits::default().max_json_depth;
    for (value, pointer, code) in [
        (r#"{"a":{"b":1,"b":2}}"#.to_owned(), "/extra/a/b", ViolationCode::DuplicateKey),
        (r#"{"a":[1,1e400]}"#.to_owned(), "/extra/a/1", ViolationCode::OutOfRange),
        (r#"{"t":"cut \\ud83d"}"#.replace("\\\\", "\\"), "/extra/t", ViolationCode::MalformedJson),
        (format!(r#"{{"d":{}}}"#, deep(most)), "/extra/d", ViolationCode::TooDeep),
    ] {
        let record = format!(r#"{{"carrier":"UA","extra":{value}}}"#);
        let cell = value.replace('"', "\"\"");
        for (format, body, line) in [
            (Format::Ndjson, format!("{{\"carrier\":\"AA\"}}\n{record}\n"), 2),
            (Format::JsonArray, format!("[{{\"carrier\":\"AA\"}}, {record}]"), 2),
            (Format::Csv, format!("carrier,extra\nAA,\nUA,\"{cell}\"\n"), 3),
        ] {
            let decoded = decode(format, &body);
            assert_eq!((decoded.received, decoded.failed), (2, 1), "{format:?} {value}");
            let [found] = decoded.failures.as_slice() else { panic!("{:?}", decoded.failures) };
            assert_eq!((found.line, found.code), (Some(line), code), "{format:?} {value}");
            assert!(found.pointer.starts_with(pointer), "{} in {format:?}", found.pointer);
        }
    }
    let deepest = format!(r#"{{"carrier":"UA","tags":{}}}"#, deep(most));
    assert_eq!(decode(Format::Ndjson, &deepest).report(), []);
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
        let decoded = test_support::decode_in(&schema, Format::Ndjson, ReadLimits::default(), body.as_bytes(), 64);
        let decoded = decoded.unwrap();
        assert_eq!(decoded.report(), [], "{number}");
        assert_eq!(decoded.property(0).as_primitive::<Decimal128Type>().value(0), unscaled, "{number}");
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
        let decoded = test_support::decode_in(&schema, Format::Ndjson, ReadLimits::default(), body.as_bytes(), 64);
        assert_eq!(decoded.unwrap().report(), [(1, "/d", code)], "{value}");
    }
}

mod flattened {
    use std::sync::Arc;

    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use eider_domain::{Schema, SchemaDefinition, Timestamp, ViolationCode};
    use serde_json::json;

    use crate::test_support::{Decoded, decode_as};
    use crate::{Format, ReadLimits, ReadOptions, Sample, Spooling};

    fn decode(body: &str) -> Decoded {
        let document = json!({"name": "s", "properties": [
            {"name": "name_first", "type": "string"}, {"name": "name_last_year", "type": "integer"},
            {"name": "kept", "type": "object"}, {"name": "list", "type": "array"}]});
        let schema = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
        let mut options = ReadOptions::default();
        options.set("flatten", "_").unwrap();
        decode_as(&Arc::new(schema), Format::Ndjson, &options, ReadLimits::default(), body.as_bytes(), 9).unwrap()
    }

    #[test]
    fn nested_values_go_to_the_property_of_their_path() {
        let decoded = decode(
            "{\"name\":{\"first\":\"A\",\"last\":{\"YEAR\":7}},\"kept\":{\"a\":{\"b\":1}},\"list\":[{\"a\":1}]}\n\
             {\"name_first\":\"B\",\"name\":{\"last\":null}}\n{\"name\":null}\n{\"name\":{}}\n",
        );
        assert_eq!(decoded.report(), []);
        assert_eq!(
            decoded.property(0).as_string::<i32>().iter().collect::<Vec<_>>(),
            [Some("A"), Some("B"), None, None]
        );
        assert_eq!(decoded.property(1).as_primitive::<Int64Type>().value(0), 7);
        assert_eq!(decoded.property(2).as_string::<i32>().value(0), "{\"a\":{\"b\":1}}");
        assert_eq!(decoded.property(3).as_string::<i32>().value(0), "[{\"a\":1}]");
        assert_eq!(decoded.property(1).null_count(), 3);
    }

    #[test]
    fn paths_that_meet_and_paths_that_are_unknown_are_refused() {
        let decoded = decode(
            "{\"name_first\":\"A\",\"name\":{\"first\":\"B\"}}\n{\"name\":{\"other\":1}}\n{\"name\":7}\n[]\n{\"name\":{\"first\":1}}\n{\n",
        );
        let codes: Vec<(u64, ViolationCode)> = decoded.report().iter().map(|(line, _, code)| (*line, *code)).collect();
        let (duplicate, unknown) = (codes[0].1, codes[1].1);
        assert_ne!(duplicate, unknown);
        assert_eq!(codes[2], (3, unknown));
        assert_eq!(codes[3], (4, ViolationCode::NotAnObject));
        assert_eq!(codes[4], (5, ViolationCode::TypeMismatch));
        assert_eq!(codes[5], (6, ViolationCode::MalformedJson));
        assert_eq!((codes.len(), decoded.failed), (6, 6));
    }

    /// The columns of a sample, and the options that it leads to.
    fn sampled(format: Format, pairs: &[(&str, &str)], body: &str) -> (Vec<String>, String) {
        let mut options = ReadOptions::default();
        for (name, text) in pairs {
            options.set(name, text).unwrap();
        }
        let mut sample = Sample::new(format, options, ReadLimits::default(), Spooling::default(), Some(100));
        sample.push(body.as_bytes()).unwrap();
        sample.end().unwrap();
        let (survey, options, _) = sample.into_parts();
        (survey.columns.iter().map(|column| column.name.clone()).collect(), options.query())
    }

    #[test]
    fn a_sample_has_the_paths_as_columns() {
        let (columns, _) =
            sampled(Format::Ndjson, &[("flatten", ".")], "{\"a\":{\"b\":1,\"c\":{\"d\":[2]}},\"e\":3}\n");
        assert_eq!(columns, ["a.b", "a.c.d", "e"]);
    }

    #[test]
    fn where_a_document_has_its_records_is_proposed() {
        for (body, query) in [
            ("[{\"a\":1}]", ""),
            ("{\"a\":1} {\"a\":2}", ""),
            ("{\"a\":1,\"b\":[1,2]}", ""),
            ("{\"data\":[{\"a\":1},{\"a\":2}],\"links\":[{\"x\":1}]}", "records_at=%2Fdata"),
            ("{\"type\":\"FeatureCollection\",\"features\":[{\"a\":1}],\"bbox\":[1]}", "records_at=%2Ffeatures"),
            ("{\"meta\":{\"n\":1},\"answer\":{\"a/b\":[{\"a\":1}]}}", "records_at=%2Fanswer%2Fa%7E1b"),
            ("{\"one\":[{\"a\":1}],\"two\":[{\"a\":1}]}", ""),
        ] {
            assert_eq!(sampled(Format::JsonArray, &[], body).1, query, "{body}");
        }
        let long = format!("{{\"data\":[{}{{\"a\":1}}]}}", "{\"a\":1},".repeat(60_000));
        assert_eq!(sampled(Format::JsonArray, &[], &long).1, "records_at=%2Fdata");
    }
}
