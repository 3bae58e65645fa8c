//! Any body goes into the schema that is proposed for it, unchanged, and what is remembered of it is bounded.

use std::fmt::Write as _;
use std::sync::Arc;

use eider_domain::{DataType, Schema, SchemaDefinition, Timestamp, Value};
use eider_formats::{ReadLimits, RecordReader, Sample, Spooling, value_at};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::ingest::BodyFormat;

/// The proposal for all of a body of CSV. How CSV is written is found elsewhere.
fn propose(format: BodyFormat, body: &[u8]) -> Proposal {
    let mut options = InferenceOptions::default();
    for (name, text) in [("csv.delimiter", ","), ("csv.quote", "\""), ("csv.skip", "0"), ("csv.header", "present")] {
        options.reading.set(name, text).unwrap();
    }
    for (name, text) in [("csv.comment", "none"), ("csv.decimal", "."), ("csv.ragged", "refuse")] {
        options.reading.set(name, text).unwrap();
    }
    let mut sample = Sample::new(format, options.reading.clone(), ReadLimits::default(), Spooling::default(), None);
    for piece in body.chunks(1 << 16) {
        sample.push(piece).unwrap();
    }
    sample.end().unwrap();
    let (survey, reading, findings) = sample.into_parts();
    Proposal::of(&survey, &findings, reading, &options).unwrap()
}

/// The values of each property that a body leads to, read by the schema that is proposed for it: none is refused.
fn stored(format: BodyFormat, body: &[u8], proposal: &Proposal) -> Vec<(Json, DataType, Vec<Value>)> {
    let definition = SchemaDefinition::parse(&proposal.schema).unwrap();
    let schema = Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)));
    let reader = RecordReader::new(format, Arc::clone(&schema), ReadLimits::default(), Spooling::default());
    let mut reader = reader.with_options(proposal.reading.clone());
    let mut chunks = reader.cut(body).unwrap();
    chunks.extend(reader.end().unwrap());
    let of = |property: &Json| (property.clone(), Vec::new());
    let mut columns: Vec<(Json, Vec<Value>)> =
        proposal.schema["properties"].as_array().unwrap().iter().map(of).collect();
    for mut next in chunks.into_iter().map(Some) {
        while let Some(chunk) = next {
            let decoded = chunk.decode().unwrap();
            assert!(decoded.failures.is_empty(), "{:?} of {}", decoded.failures, proposal.schema);
            if let Some(rows) = decoded.rows {
                for (index, column) in rows.columns.iter().enumerate() {
                    let data_type = schema.properties()[index].data_type;
                    columns[index].1.extend((0..column.len()).map(|row| value_at(data_type, column, row).into_owned()));
                }
            }
            next = decoded.rest;
        }
    }
    let types = schema.properties().iter().map(|property| property.data_type);
    columns.into_iter().zip(types).map(|((property, values), data_type)| (property, data_type, values)).collect()
}

/// A number as its digits without zeros at both ends and the power of ten behind them, worked out from the text alone.
fn number(text: &str) -> Option<(bool, String, i64)> {
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()?;
    let significant = digits.trim_start_matches('0');
    let zeros = significant.len() - significant.trim_end_matches('0').len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    Some((is_negative, significant.to_owned(), exponent + i64::try_from(zeros).ok()?))
}

/// Whether a stored value is all that a text of CSV says, as far as anybody can tell from the two.
fn is_kept(text: &str, property: &Json, data_type: DataType, value: &Value) -> bool {
    let text = if property["trim"] == true { text.trim() } else { text };
    let has = |member: &str| property[member].as_array().is_some_and(|texts| texts.contains(&text.into()));
    let pointed = if property["decimal_separator"] == "," { text.replace(',', ".") } else { text.to_owned() };
    let written = value.text(data_type);
    let Some(written) = written else { return text.is_empty() || has("null_tokens") };
    match data_type {
        DataType::String | DataType::Date | DataType::Object | DataType::Array => written == text,
        DataType::Boolean => {
            let is_true = text.eq_ignore_ascii_case("true") || has("true_tokens");
            let is_false = text.eq_ignore_ascii_case("false") || has("false_tokens");
            is_true != is_false && (written == "true") == is_true
        }
        DataType::Integer | DataType::Decimal { .. } => number(&pointed) == number(&written),
        // Fifteen digits always come back out of a double; numbers with more are its own.
        DataType::Number => {
            let double = pointed.parse::<f64>().unwrap();
            double.to_string() == written.parse::<f64>().unwrap().to_string()
                && (number(&pointed) == number(&format!("{double:e}"))
                    || number(&pointed).is_some_and(|(_, digits, _)| digits.len() > 17))
        }
        DataType::Time => written.strip_prefix(text).is_some_and(|zeros| zeros.trim_matches(['.', '0']).is_empty()),
        DataType::Datetime => written.starts_with(text.trim_end_matches('Z')),
        DataType::Uuid => written.eq_ignore_ascii_case(text),
    }
}

/// A kind of texts that stand in one column, alone or with others.
fn texts_of_a_kind() -> impl Strategy<Value = &'static [&'static str]> {
    prop::sample::select(vec![
        &["1", "-7", "42"][..],
        &["9223372036854775807", "9223372036854775808", "-9223372036854775809"],
        &["12345678901234567890123456789012345678", "1"],
        &["99999999999999999999999999999999999999999", "3"],
        &["007", "00", "0012345678901234567890"],
        &["01234", "90210"],
        &["9007199254740993", "0.5"],
        &["9007199254740992", "1.25"],
        &["1e400", "1e-400"],
        &["1.5", "0.1", "-2e3", "1.10"],
        &["0.1234567890123456789", "12345.678901234567890123"],
        &["2024-02-29", "1999-12-31"],
        &["2024-02-29T08:15:00Z", "2024-03-01T23:59:59Z"],
        &["08:15:00", "23:59:59"],
        &["true", "false"],
        &["TRUE", "False"],
        &["0", "1"],
        &["yes", "no"],
        &["NA", "NULL", "-"],
        &[""],
        &["text", "é,\"", " padded ", "a\nb"],
        &["{}", "{\"a\":1}"],
        &["[1]", "[]"],
        &["01890a5d-ac96-774b-bcce-b302099a8057"],
        &["+1", "1,5", "1 000", "0x1f", "١", "½", "1_000", ".5", "5.", "-0", "-0.0", "NaN", "inf"],
    ])
}

/// Members of records of JSON, as they are written.
const MEMBERS: [&str; 29] = [
    "null",
    "true",
    "false",
    "1",
    "0",
    "-7",
    "9007199254740993",
    "9223372036854775808",
    "12345678901234567890123456789",
    "99999999999999999999999999999999999999999",
    "0.5",
    "1.10",
    "0.12345678901234567890123",
    "1e3",
    "1e-400",
    "\"text\"",
    "\"\"",
    "\"7\"",
    "\"007\"",
    "\"true\"",
    "\"NA\"",
    "\"2024-02-29\"",
    "\"2024-02-29T08:15:00Z\"",
    "\"08:15:00\"",
    "\" é\"",
    "{}",
    "{\"a\":1.10}",
    "[]",
    "[1,{\"b\":null}]",
];

/// The proposal for all of a body of NDJSON.
fn propose_ndjson(body: &[u8]) -> Proposal {
    let options = InferenceOptions::default();
    let reading = options.reading.clone();
    let mut sample = Sample::new(BodyFormat::Ndjson, reading, ReadLimits::default(), Spooling::default(), None);
    sample.push(body).unwrap();
    sample.end().unwrap();
    let (survey, reading, findings) = sample.into_parts();
    Proposal::of(&survey, &findings, reading, &options).unwrap()
}

fn column() -> impl Strategy<Value = Vec<&'static str>> {
    let kinds = prop::collection::vec(texts_of_a_kind(), 1..=3);
    kinds.prop_flat_map(|kinds| prop::collection::vec(prop::sample::select(kinds.concat()), 1..=12))
}

fn quoted(text: &str) -> String {
    // An empty cell without quotes is null.
    if text.is_empty() { String::new() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Columns of whatever texts, one kind or several mixed, become what loses none of them.
    #[test]
    fn every_cell_of_csv_is_kept(columns in prop::collection::vec(column(), 1..=4)) {
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |column: &Vec<&'static str>, row: usize| column.get(row).copied().unwrap_or("");
        let mut body = "k,".to_owned() + &(0..columns.len()).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",") + "\n";
        for row in 0..rows {
            let cells: Vec<String> = columns.iter().map(|column| quoted(cell(column, row))).collect();
            writeln!(body, "k{row},{}", cells.join(",")).unwrap();
        }
        let proposal = propose(BodyFormat::Csv, body.as_bytes());
        prop_assert!(proposal.is_whole);
        let stored = stored(BodyFormat::Csv, body.as_bytes(), &proposal);
        for (column, (property, data_type, values)) in columns.iter().zip(&stored[1..]) {
            prop_assert_eq!(values.len(), rows);
            for (row, value) in values.iter().enumerate() {
                let text = cell(column, row);
                prop_assert!(is_kept(text, property, *data_type, value), "{:?} became {:?}: {}", text, value, property);
            }
        }
    }

    /// Members of whatever kinds, mixed or not, become what loses none of them.
    #[test]
    fn every_member_of_json_is_kept(
        records in prop::collection::vec(prop::collection::vec(prop::sample::select(MEMBERS.to_vec()), 3), 1..=12),
        kinds in prop::collection::vec(0..MEMBERS.len(), 3),
    ) {
        // A column is of one kind and now and then of another.
        let member = |(column, (row, text)): (usize, (usize, &&'static str))| {
            if (row + column) % 3 > 0 { MEMBERS[kinds[column]] } else { *text }
        };
        let rows: Vec<Vec<&str>> = records.iter().enumerate()
            .map(|(row, texts)| texts.iter().enumerate().map(|(column, text)| member((column, (row, text)))).collect())
            .collect();
        let line = |row: &Vec<&str>| format!("{{\"k\":\"\",\"a\":{},\"b\":{},\"c\":{}}}\n", row[0], row[1], row[2]);
        let body: String = rows.iter().map(line).collect();
        let proposal = propose_ndjson(body.as_bytes());
        for (column, (property, data_type, values)) in stored(BodyFormat::Ndjson, body.as_bytes(), &proposal)[1..].iter().enumerate() {
            prop_assert_eq!(values.len(), rows.len());
            for (row, value) in rows.iter().zip(values) {
                let written = row[column];
                let text: Option<String> = serde_json::from_str(written).ok();
                let is_kept = match (&text, value) {
                    _ if written == "null" => *value == Value::Null,
                    (Some(text), value) => is_kept(text, property, *data_type, value),
                    (None, Value::Json(json)) => json == written,
                    // Text of what was none has its JSON.
                    (None, value) => is_kept(written, property, *data_type, value),
                };
                prop_assert!(is_kept, "{} became {:?}: {}", written, value, property);
            }
        }
    }

    /// However many values, names and lines there are, what is remembered of them is not.
    #[test]
    fn what_is_remembered_does_not_grow_with_the_input(
        columns in 1_usize..40,
        rows in 1_usize..300,
        distinct in 1_usize..400,
        is_broken in any::<bool>(),
    ) {
        let mut body = (0..columns).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",") + "\n";
        for row in 0..rows {
            let cells: Vec<String> = (0..columns).map(|n| format!("text {}", (row * 7 + n) % distinct)).collect();
            let ragged = if is_broken && row % 3 == 0 { ",too many" } else { "" };
            writeln!(body, "{}{ragged}", cells.join(",")).unwrap();
        }
        let proposal = propose(BodyFormat::Csv, body.as_bytes());
        prop_assert_eq!(proposal.records, rows as u64);
        prop_assert!(proposal.evidence.len() <= 4 + 4 * columns);
        for found in &proposal.evidence {
            prop_assert!(found.lines.len() <= 5 && found.values.len() <= 20, "{:?}", found);
        }
    }
}

#[test]
fn a_key_that_ascends_is_known_for_one_however_many_values_there_are() {
    // More than are remembered, of all columns together.
    let rows = 700_000;
    let mut body = "id,a,b,c\n".to_owned();
    for row in 0..rows {
        writeln!(body, "{row},{},{},x{}", row * 7 % rows, row * 11 % rows, rows - row).unwrap();
    }
    let proposal = propose(BodyFormat::Csv, body.as_bytes());
    assert_eq!(proposal.schema["properties"][0]["is_unique"], json!(true), "{:?}", proposal.evidence);
    let lost = proposal.evidence.iter().find(|found| found.detail.contains("too many different values"));
    assert_eq!(lost.map(|found| found.choice), Some(Choice::Unique), "{:?}", proposal.evidence);
}
