//! Tables written in dialects are read back as they were, and a dialect that is not named is found or not certain.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use eider_domain::{Schema, SchemaDefinition, Timestamp, ViolationCode};
use encoding_rs::{Encoding, UTF_16LE};
use proptest::prelude::*;
use serde_json::json;

use crate::reader::sample::{Finding, Survey};
use crate::test_support::{Decoded, decode_as};
use crate::{Format, ReadError, ReadLimits, ReadOptions, Sample, Spooling};

fn schema(properties: &[(&str, &str)]) -> Arc<Schema> {
    let properties: Vec<_> = properties
        .iter()
        .map(|(name, data_type)| match *data_type {
            "decimal" => json!({"name": name, "type": "decimal", "precision": 9, "scale": 2}),
            data_type => json!({"name": name, "type": data_type}),
        })
        .collect();
    let definition = SchemaDefinition::parse(&json!({"name": "s", "properties": properties})).unwrap();
    Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)))
}

fn schema_of(properties: &serde_json::Value) -> Arc<Schema> {
    let definition = SchemaDefinition::parse(&json!({"name": "s", "properties": properties})).unwrap();
    Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)))
}

fn sampled(body: &[u8], options: ReadOptions, most: u64) -> (Survey, ReadOptions, Vec<Finding>) {
    let mut sample = Sample::new(Format::Csv, options, ReadLimits::default(), Spooling::default(), Some(most));
    sample.push(body).unwrap();
    sample.end().unwrap();
    sample.into_parts()
}

fn texts() -> Arc<Schema> {
    schema(&[("a", "string"), ("b", "string"), ("c", "string")])
}

fn options(pairs: &[(&str, &str)]) -> ReadOptions {
    let mut options = ReadOptions::default();
    for (name, text) in pairs {
        options.set(name, text).unwrap();
    }
    options
}

fn read(schema: &Arc<Schema>, pairs: &[(&str, &str)], body: &[u8]) -> Result<Decoded, ReadError> {
    let limits = ReadLimits::default();
    let whole = decode_as(schema, Format::Csv, &options(pairs), limits, body, body.len().max(1));
    for step in [1, 3, 70] {
        let pieces = decode_as(schema, Format::Csv, &options(pairs), limits, body, step);
        match (&whole, &pieces) {
            (Ok(whole), Ok(pieces)) => assert_eq!((whole.report(), &whole.records), (pieces.report(), &pieces.records)),
            (Err(whole), Err(pieces)) => assert_eq!(whole.to_string(), pieces.to_string()),
            _ => panic!("{whole:?} in one piece, {pieces:?} in pieces of {step}"),
        }
    }
    whole
}

/// The cells of every record that was read.
fn rows(decoded: &Decoded, width: usize) -> Vec<Vec<Option<String>>> {
    let cell = |column: usize, row: usize| {
        let column = decoded.property(column).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    (0..decoded.records.num_rows()).map(|row| (0..width).map(|column| cell(column, row)).collect()).collect()
}

fn refusal(schema: &Arc<Schema>, pairs: &[(&str, &str)], body: &[u8]) -> String {
    read(schema, pairs, body).map(|decoded| decoded.report().len()).unwrap_err().to_string()
}

/// A table as one writes it in a dialect.
#[derive(Debug, Clone)]
struct Written {
    pairs: Vec<(&'static str, String)>,
    body: Vec<u8>,
    table: Vec<Vec<Option<String>>>,
}

/// What differs between dialects.
#[derive(Debug, Clone)]
struct Spec {
    delimiter: &'static str,
    quote: Option<char>,
    has_escape: bool,
    comment: Option<char>,
    has_header: bool,
    preamble: usize,
    line_ends: Vec<&'static str>,
    encoding: &'static Encoding,
    has_final_end: bool,
}

fn spec() -> impl Strategy<Value = Spec> {
    let delimiter = prop::sample::select(vec![",", ";", "\t", "|", "||", ", ", "¦", ":", "~", " "]);
    let quote = prop::sample::select(vec![Some('"'), Some('\''), None]);
    let comment = prop::sample::select(vec![None, Some('#'), Some('%')]);
    let line_ends =
        prop::sample::select(vec![vec!["\n"], vec!["\r\n"], vec!["\n", "\r\n"], vec!["\r"], vec!["\r", "\n", "\r\n"]]);
    let encoding =
        prop::sample::select(vec!["utf-8", "windows-1252", "utf-16le", "utf-16be", "iso-8859-15", "gb18030"]);
    let bits = (any::<bool>(), any::<bool>(), any::<bool>(), 0..3_usize);
    (delimiter, quote, comment, line_ends, encoding, bits).prop_map(
        |(delimiter, quote, comment, line_ends, encoding, (has_escape, has_header, has_final_end, preamble))| Spec {
            delimiter,
            quote,
            has_escape: has_escape && quote.is_some(),
            comment,
            has_header,
            preamble,
            line_ends,
            encoding: Encoding::for_label(encoding.as_bytes()).unwrap(),
            has_final_end,
        },
    )
}

impl Spec {
    fn cell(&self, cell: Option<&String>, is_first: bool) -> String {
        let Some(text) = cell else { return String::new() };
        let Some(quote) = self.quote else { return text.clone() };
        let begins_comment = is_first && self.comment.is_some_and(|sign| text.starts_with(sign));
        let is_plain = !text.is_empty()
            && !begins_comment
            // The end of the text may be the beginning of a delimiter.
            && !text.contains(|c| self.delimiter.contains(c) || c == quote || c == '\r' || c == '\n');
        if is_plain {
            return text.clone();
        }
        let inner = if self.has_escape {
            text.replace('\\', "\\\\").replace(quote, &format!("\\{quote}"))
        } else {
            text.replace(quote, &format!("{quote}{quote}"))
        };
        format!("{quote}{inner}{quote}")
    }

    /// What can be written of a text: without quotes, little.
    fn writable(&self, text: &str, is_first: bool) -> Option<String> {
        if self.quote.is_some() {
            return Some(text.to_owned());
        }
        let is_special =
            |c: char| self.delimiter.contains(c) || c == '\r' || c == '\n' || (is_first && Some(c) == self.comment);
        let plain: String = text.chars().filter(|c| !is_special(*c)).collect();
        (!plain.is_empty()).then_some(plain)
    }

    /// `None` when the encoding has not every character.
    fn write(&self, table: &[Vec<Option<String>>]) -> Option<Written> {
        let table: Vec<Vec<Option<String>>> = table
            .iter()
            .map(|row| {
                let cells = row.iter().enumerate();
                cells.map(|(index, cell)| cell.as_ref().and_then(|text| self.writable(text, index == 0))).collect()
            })
            .collect();
        let mut ends = self.line_ends.iter().cycle();
        let mut lines: Vec<String> = (0..self.preamble).map(|line| format!("note \"{line}")).collect();
        if self.has_header {
            lines.push(["a", "b", "c"].join(self.delimiter));
        }
        for row in &table {
            lines.extend(self.comment.map(|sign| format!("{sign} said \"once")));
            let cells: Vec<String> =
                row.iter().enumerate().map(|(index, cell)| self.cell(cell.as_ref(), index == 0)).collect();
            lines.push(cells.join(self.delimiter));
        }
        let mut text = String::new();
        for line in &lines {
            text.push_str(line);
            text.push_str(ends.next().unwrap());
        }
        if !self.has_final_end {
            while text.ends_with(['\r', '\n']) {
                text.pop();
            }
        }
        let body = if self.encoding.name().starts_with("UTF-16") {
            let units = text.encode_utf16();
            if self.encoding == UTF_16LE {
                units.flat_map(u16::to_le_bytes).collect()
            } else {
                units.flat_map(u16::to_be_bytes).collect()
            }
        } else {
            let (body, _, has_others) = self.encoding.encode(&text);
            if has_others {
                return None;
            }
            body.into_owned()
        };
        let mut pairs =
            vec![("csv.delimiter", self.delimiter.to_owned()), ("csv.encoding", self.encoding.name().to_owned())];
        pairs.push(("csv.quote", self.quote.map_or("none".to_owned(), String::from)));
        pairs.push(("csv.skip", self.preamble.to_string()));
        pairs.push(("csv.header", if self.has_header { "present" } else { "absent" }.to_owned()));
        pairs.extend(self.has_escape.then(|| ("csv.escape", "\\".to_owned())));
        pairs.extend(self.comment.map(|sign| ("csv.comment", sign.to_string())));
        pairs.extend(self.line_ends.contains(&"\r").then(|| ("csv.line_end", "any".to_owned())));
        Some(Written { pairs, body, table })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Any table, in any dialect, is read back as it was.
    #[test]
    fn a_table_in_any_dialect_comes_back(
        spec in spec(),
        table in prop::collection::vec(prop::collection::vec(prop::option::of("[a-c ;,|\t'\"\\\\\n\r#%:~é€]{0,5}"), 3), 1..6),
    ) {
        let written = spec.write(&table);
        prop_assume!(written.is_some());
        let written = written.unwrap();
        let pairs: Vec<(&str, &str)> = written.pairs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        // A record of nothing but spaces between cells, at the end, ends with its last text.
        prop_assume!(written.table.iter().all(|row| row.iter().any(Option::is_some)));
        let decoded = read(&texts(), &pairs, &written.body).unwrap();
        prop_assert_eq!(decoded.report(), vec![]);
        prop_assert_eq!(rows(&decoded, 3), written.table);
    }

    /// The dialect of a table of usual values is found, or what is found is said not to be certain.
    #[test]
    fn a_dialect_is_found_or_is_not_certain(
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]),
        has_crs in any::<bool>(),
        has_comma in any::<bool>(),
        preamble in 0..3_usize,
        values in prop::collection::vec(("[A-Z][a-z]{2,8}", 0..10_000_i64, 0..99_i64, "[A-Z][a-z]{1,6}( [a-z]{2,6}){0,2}"), 6..30),
    ) {
        let has_comma = has_comma && delimiter != ",";
        let end = if has_crs { "\r" } else { "\r\n" };
        let mut lines: Vec<String> = (0..preamble).map(|line| format!("Export {line}")).collect();
        lines.push(["name", "count", "price", "note"].join(delimiter));
        for (name, count, cents, note) in &values {
            let price = format!("{count}{}{cents:02}", if has_comma { "," } else { "." });
            lines.push([name.clone(), count.to_string(), price, note.clone()].join(delimiter));
        }
        let body = lines.join(end) + end;
        let (found, certain) = detected(body.as_bytes());
        if certain {
            let schema = schema(&[("name", "string"), ("count", "integer"), ("price", "decimal"), ("note", "string")]);
            let decoded = decode_as(&schema, Format::Csv, &found, ReadLimits::default(), body.as_bytes(), 100).unwrap();
            prop_assert_eq!(decoded.report(), vec![], "{:?}", found.given());
            let prices = decoded.property(2).as_primitive::<Decimal128Type>();
            let expected: Vec<i128> = values.iter().map(|(_, count, cents, _)| i128::from(count * 100 + cents)).collect();
            prop_assert_eq!(prices.values().to_vec(), expected);
            prop_assert_eq!(decoded.property(3).as_string::<i32>().value(0), values[0].3.as_str());
        }
    }
}

/// The options that a body speaks for, and whether all of them are certain.
fn detected(body: &[u8]) -> (ReadOptions, bool) {
    let mut sample =
        Sample::new(Format::Csv, ReadOptions::default(), ReadLimits::default(), Spooling::default(), Some(1_000));
    sample.push(body).unwrap();
    let outcome = sample.end();
    let (_, options, findings) = sample.into_parts();
    (options, outcome.is_ok() && findings.iter().all(|finding| finding.confidence >= 0.5))
}

#[test]
fn numbers_with_a_decimal_comma_are_numbers() {
    let schema = schema(&[("n", "number"), ("d", "decimal"), ("i", "integer"), ("s", "string")]);
    let dialect = [("csv.delimiter", ";"), ("csv.decimal", ",")];
    let body = b"n;d;i;s\n1,5;-2,25;7;1,5\n-0,5;3;;\n1.5;1;1;x\n1;1.234;1;x\n1;1;1,5;x\n1.000,5;1;1;x\n";
    let decoded = read(&schema, &dialect, body).unwrap();
    let refused: Vec<(u64, &str)> = decoded.report().iter().map(|(line, pointer, _)| (*line, *pointer)).collect();
    assert_eq!(refused, [(4, "/n"), (5, "/d"), (6, "/i"), (7, "/n")]);
    assert_eq!(decoded.property(0).as_primitive::<Float64Type>().values().to_vec(), [1.5, -0.5]);
    assert_eq!(decoded.property(1).as_primitive::<Decimal128Type>().values().to_vec(), [-225, 300]);
    assert_eq!(decoded.property(2).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(7), None]);
    assert_eq!(decoded.property(3).as_string::<i32>().value(0), "1,5", "text stays as it is");
}

#[test]
fn columns_without_a_header_are_those_of_the_schema_or_the_call() {
    let absent = ("csv.header", "absent");
    let decoded = read(&texts(), &[absent], b"1,2,3\n,\"\",x\n").unwrap();
    let cell = |text: &str| Some(text.to_owned());
    assert_eq!(rows(&decoded, 3), [vec![cell("1"), cell("2"), cell("3")], vec![None, cell(""), cell("x")]]);
    assert_eq!(decoded.lines, [1, 2]);
    let decoded = read(&texts(), &[absent, ("columns", "C,a")], b"1,2\n").unwrap();
    assert_eq!(rows(&decoded, 3), [vec![cell("2"), None, cell("1")]]);
    let decoded = read(&texts(), &[absent], b"1,2\n").unwrap();
    assert_eq!(decoded.report(), [(1, "", ViolationCode::WrongCount)]);
    assert!(refusal(&texts(), &[absent, ("columns", "a,x")], b"1,2\n").contains("`x`"));
    assert_eq!(read(&texts(), &[absent], b"").unwrap().received, 0);
}

#[test]
fn ragged_records_are_padded_where_they_may_be() {
    let body = b"a,b,c\n1\n1,2,3,,\n1,2,3,4\n1,2,3,\"\"\n1,2\n";
    let decoded = read(&texts(), &[("csv.ragged", "pad")], body).unwrap();
    assert_eq!(decoded.report(), [4, 5].map(|line| (line, "", ViolationCode::WrongCount)));
    let cell = |text: &str| Some(text.to_owned());
    let expected =
        [vec![cell("1"), None, None], vec![cell("1"), cell("2"), cell("3")], vec![cell("1"), cell("2"), None]];
    assert_eq!(rows(&decoded, 3), expected);
    assert_eq!(read(&texts(), &[], body).unwrap().failed, 5);
}

#[test]
fn what_escapes_stands_before_quotes_and_itself_alone() {
    let decoded =
        read(&texts(), &[("csv.escape", "\\")], b"a,b,c\n\"\\\"x\\\\\",\"C:\\temp\",\\N\n\"\"\"\",\"\\\\\\\"\",\n")
            .unwrap();
    assert_eq!(decoded.report(), []);
    let cell = |text: &str| Some(text.to_owned());
    assert_eq!(
        rows(&decoded, 3),
        [vec![cell("\"x\\"), cell("C:\\temp"), cell("\\N")], vec![cell("\""), cell("\\\""), None]]
    );
}

#[test]
fn a_first_line_that_names_the_delimiter_is_read() {
    for body in ["sep=;\r\na;b;c\r\n1;2;3\r\n", "\u{feff}sep=;\na;b;c\n1;2;3"] {
        let decoded = read(&texts(), &[], body.as_bytes()).unwrap();
        assert_eq!((decoded.received, decoded.lines.as_slice()), (1, &[3][..]), "{:?}", decoded.report());
    }
    assert!(refusal(&texts(), &[("csv.delimiter", ",")], b"sep=;\na;b;c\n").contains("`sep=;`"));
}

#[test]
fn bytes_that_are_none_of_the_encoding_refuse_their_record() {
    let mut body: Vec<u8> = "\u{feff}a,b,c\n1,".encode_utf16().flat_map(u16::to_le_bytes).collect();
    body.extend([0x00, 0xd8]);
    body.extend(",3\n1,é,3\n".encode_utf16().flat_map(u16::to_le_bytes));
    let decoded = read(&texts(), &[], &body).unwrap();
    assert_eq!(decoded.report(), [(2, "", ViolationCode::MalformedCsv)]);
    assert!(decoded.failures[0].detail.contains("UTF-16LE"), "{}", decoded.failures[0].detail);
    assert_eq!(decoded.property(1).as_string::<i32>().value(0), "é");
    let decoded = read(&texts(), &[], b"a,b,c\n1,\xe9,3\n").unwrap();
    assert!(decoded.failures[0].detail.contains("csv.encoding=windows-1252"), "{}", decoded.failures[0].detail);
}

#[test]
fn another_dialect_is_never_one_column_in_silence() {
    for (body, said) in [
        ("a;b;c\n1;2;3\n", "csv.delimiter=%3B"),
        ("a\tb\tc\n", "csv.delimiter=%09"),
        ("a|b\n", "csv.delimiter=%7C"),
        ("x;y\n1;2\n", "csv.delimiter=%3B"),
        ("a\r1,2\r", "csv.line_end=any"),
    ] {
        let refused = refusal(&texts(), &[], body.as_bytes());
        assert!(refused.contains(said), "{refused}");
    }
    assert!(refusal(&texts(), &[("csv.delimiter", ";")], b"a,b\n1,2\n").contains("csv.delimiter=%2C"));
    // Names that properties have in files tell as much as their own.
    let property = json!({"name": "from", "type": "string", "aliases": ["Abflug"]});
    let definition = SchemaDefinition::parse(&json!({"name": "s", "properties": [property]})).unwrap();
    let aliased = Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)));
    assert!(refusal(&aliased, &[], b"Abflug^Ziel\n1^2\n").contains("csv.delimiter=%5E"));
    assert!(!refusal(&aliased, &[], b"Ankunft^Ziel\n1^2\n").contains("csv.delimiter"));
    assert!(!refusal(&texts(), &[], b"x\n1\n").contains("csv."));
}

#[test]
fn tabs_stand_between_the_cells_of_tab_separated_values() {
    let decoded = decode_as(
        &texts(),
        Format::Tsv,
        &ReadOptions::default(),
        ReadLimits::default(),
        b"a\tb\tc\n1,5\t\"x\ty\"\t\n",
        5,
    )
    .unwrap();
    assert_eq!(rows(&decoded, 3), [vec![Some("1,5".to_owned()), Some("x\ty".to_owned()), None]]);
    assert!(Format::Tsv.check_options(&options(&[("csv.delimiter", ";")])).is_err());
    assert!(Format::Tsv.check_options(&options(&[("csv.delimiter", "\\t"), ("csv.quote", "none")])).is_ok());
}

#[test]
fn memory_does_not_grow_with_what_is_passed_over() {
    let mut body = b"preamble".repeat(200_000);
    body.extend(b"\n#");
    body.extend(b"comment \"".repeat(200_000));
    body.extend(b"\na,b,c\n1,2,3\n");
    let limits = ReadLimits { max_record_bytes: 64, ..ReadLimits::default() };
    let dialect = options(&[("csv.skip", "1"), ("csv.comment", "#")]);
    let decoded = decode_as(&texts(), Format::Csv, &dialect, limits, &body, 4_096).unwrap();
    assert_eq!((decoded.report(), &decoded.lines), (vec![], &vec![4]));
}

#[test]
fn rows_of_a_header_name_columns_together() {
    let schema = schema(&[("day", "string"), ("trip air", "string"), ("trip rail", "string")]);
    let two = ("csv.header_rows", "2");
    let decoded = read(&schema, &[two], b"day,trip,\n,air,rail\n1,2,3\n4,5,6\n").unwrap();
    let found = rows(&decoded, 3);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], ["4", "5", "6"].map(|text| Some(text.to_owned())));
    let detail = read(&schema, &[two], b"day,trip,\n").unwrap_err().to_string();
    assert_eq!(detail, "the body is empty; expected a CSV header row");
    let detail = read(&schema, &[two], b"day,trip,\n,air,rial\n1,2,3\n").unwrap_err().to_string();
    assert!(detail.contains("`trip rial`; did you mean `trip rail`?"), "{detail}");
}

#[test]
fn a_header_may_leave_out_the_names_of_rows() {
    let schema =
        schema_of(&json!([{"name": "row", "type": "string", "aliases": [""]}, {"name": "x", "type": "integer"}]));
    let decoded = read(&schema, &[("csv.header", "row_names")], b"\"x\"\n\"a\",1\n\"b\",2\n").unwrap();
    assert_eq!((decoded.received, decoded.failed), (2, 0));
    assert_eq!(rows(&decoded, 1), [[Some("a".to_owned())], [Some("b".to_owned())]]);
    let decoded = read(&schema, &[("csv.header", "row_names")], b"x\na\n").unwrap();
    assert_eq!(decoded.failed, 1);
}

#[test]
fn rows_of_empty_cells_are_passed_over_where_it_is_said() {
    let body = b",,\na,b,c\n,,\n1,2,3\r\n,,\r\n\"\",,\n, ,\n,\n,,,\n,,";
    let skipped = read(&texts(), &[("csv.empty_rows", "skip")], body).unwrap();
    // Quotes and spaces are something. A row of empty cells is empty however many there are.
    assert_eq!((skipped.received, skipped.failed), (3, 0));
    let kept = read(&texts(), &[("csv.skip", "1")], body).unwrap();
    assert_eq!((kept.received, kept.failed), (8, 2));
    let body = b"a||b||c\n||||\n1||2||3\n|||\n";
    let wide = read(&texts(), &[("csv.delimiter", "||"), ("csv.empty_rows", "skip")], body).unwrap();
    assert_eq!((wide.received, wide.failed), (2, 1));
}

/// The option of a sample that its records, not its beginning, speak for.
#[test]
fn rows_of_empty_cells_are_found_wherever_they_are() {
    let body = format!("a,b\n{}{}", "1,2\n".repeat(90_000), ",\n".repeat(3));
    let (survey, options, findings) = sampled(body.as_bytes(), ReadOptions::default(), 100_000);
    assert_eq!((survey.records(), options.query().as_str()), (90_000, "csv.empty_rows=skip"));
    assert_eq!(findings.last().unwrap().detail, "3 rows have no value in any cell");
    let (survey, options, findings) = sampled(body.as_bytes(), self::options(&[("csv.empty_rows", "keep")]), 100_000);
    assert_eq!((survey.records(), options.query().as_str()), (90_003, "csv.empty_rows=keep"));
    assert_eq!(findings, []);
}
