//! A value that is written in the dialect of its property comes to the same cell as the text that Eider writes, in
//! every format; what would lose something is refused.

use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, DictionaryArray, PrimitiveArray, RecordBatch, RunArray, StringArray,
    StructArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::Field;
use eider_domain::{DataType, RecordValidator, Schema, ValueRef, ViolationCode};
use eider_formats::json::read_record;
use eider_formats::{Chunk, Format, ReadLimits, RecordReader, Spooling, value_at};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// What a value came to: its text, null, or the code of the violation.
type Cell = Result<Option<String>, ViolationCode>;

fn schema_of(property: &Json) -> Arc<Schema> {
    let mut property = property.clone();
    property["name"] = "p".into();
    Arc::new(eider_testkit::schema(json!({"name": "s", "properties": [property]})))
}

/// What the only value of a body comes to.
fn cell(schema: &Arc<Schema>, format: Format, body: &[u8]) -> Cell {
    let mut reader = RecordReader::new(format, Arc::clone(schema), ReadLimits::default(), Spooling::default());
    let mut chunks = reader.cut(body).expect("the body is of its format");
    chunks.extend(reader.end().expect("the body is of its format"));
    let [chunk] = <[Chunk; 1]>::try_from(chunks).expect("one chunk");
    let decoded = chunk.decode().expect("the body is not damaged");
    match decoded.rows {
        Some(rows) => {
            let data_type = schema.properties()[0].data_type;
            Ok(value_at(data_type, &rows.columns[0], 0).text(data_type))
        }
        None => Err(decoded.failures[0].code),
    }
}

/// The same of a record by itself.
fn single(schema: &Arc<Schema>, body: &[u8]) -> Cell {
    let validator = RecordValidator::new(schema);
    let (mut check, mut row) = (validator.check(), Vec::new());
    read_record(body, schema, &mut check, &mut row).map_err(|violations| violations[0].code)?;
    Ok(row[0].text(schema.properties()[0].data_type))
}

fn arrow(column: ArrayRef) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable([("p", column, true)]).expect("one column");
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a writer");
    writer.write(&batch).expect("the batch is written");
    writer.into_inner().expect("the stream ends")
}

fn parquet(column: ArrayRef) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable([("p", column, true)]).expect("one column");
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("the batch is written");
    writer.into_inner().expect("the file ends")
}

/// What a text comes to in each format.
fn cells_of_text(property: &Json, text: &str) -> Vec<(&'static str, Cell)> {
    let schema = schema_of(property);
    let record = json!({"p": text}).to_string();
    let column = || Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let quoted = format!("p\n\"{}\"\n", text.replace('"', "\"\""));
    vec![
        ("ndjson", cell(&schema, Format::Ndjson, record.as_bytes())),
        ("json", cell(&schema, Format::JsonArray, format!("[{record}]").as_bytes())),
        ("csv", cell(&schema, Format::Csv, quoted.as_bytes())),
        ("arrow", cell(&schema, Format::ArrowStream, &arrow(column()))),
        ("parquet", cell(&schema, Format::Parquet, &parquet(column()))),
        ("a record", single(&schema, record.as_bytes())),
    ]
}

/// What a number of JSON comes to in each format that has such.
fn cells_of_number(property: &Json, number: &str) -> Vec<(&'static str, Cell)> {
    let schema = schema_of(property);
    let record = format!("{{\"p\":{number}}}");
    vec![
        ("ndjson", cell(&schema, Format::Ndjson, record.as_bytes())),
        ("json", cell(&schema, Format::JsonArray, format!("[{record}]").as_bytes())),
        ("csv", cell(&schema, Format::Csv, format!("p\n{number}\n").as_bytes())),
        ("a record", single(&schema, record.as_bytes())),
    ]
}

/// What a value of Arrow comes to in both formats.
fn cells_of_column(property: &Json, column: &ArrayRef) -> Vec<(&'static str, Cell)> {
    let schema = schema_of(property);
    vec![
        ("arrow", cell(&schema, Format::ArrowStream, &arrow(Arc::clone(column)))),
        ("parquet", cell(&schema, Format::Parquet, &parquet(Arc::clone(column)))),
    ]
}

fn primitive<T: ArrowPrimitiveType>(value: T::Native) -> PrimitiveArray<T> {
    PrimitiveArray::from_iter_values([value])
}

fn assert_all(cells: Vec<(&'static str, Cell)>, expected: &Cell, what: &str) {
    for (format, found) in cells {
        assert_eq!(&found, expected, "{format}: {what}");
    }
}

/// What the text that Eider writes comes to in a property that says nothing.
fn canonical(data_type: &Json, text: &str) -> Cell {
    cell(&schema_of(data_type), Format::Csv, format!("p\n\"{text}\"\n").as_bytes())
}

/// A property of a type with members beside.
fn with(data_type: &Json, members: &Json) -> Json {
    let mut property = data_type.clone();
    let (Some(property_members), Some(members)) = (property.as_object_mut(), members.as_object()) else {
        panic!("both are objects");
    };
    property_members.extend(members.clone());
    property
}

/// A time, and what it looks like.
#[derive(Debug, Clone, Copy)]
struct Time {
    year: u32,
    month: u32,
    day: u32,
    second: u32,
    micros: u32,
}

impl Time {
    /// A text that has the parts of a pattern.
    fn shown(self, pattern: &str) -> String {
        let Self { year, month, day, second, micros } = self;
        [
            ("%Y", format!("{year:04}")),
            ("%m", format!("{month:02}")),
            ("%d", format!("{day:02}")),
            ("%H", format!("{:02}", second / 3_600)),
            ("%M", format!("{:02}", second / 60 % 60)),
            ("%S", format!("{:02}", second % 60)),
            ("%f", format!("{micros:06}")),
            ("%z", "+0530".to_owned()),
        ]
        .into_iter()
        .fold(pattern.to_owned(), |text, (part, shown)| text.replace(part, &shown))
    }
}

fn time() -> impl Strategy<Value = Time> {
    let parts = (1_970..2_262_u32, 1..=12_u32, 1..=28_u32, 0..86_400_u32, 0..1_000_000_u32);
    parts.prop_map(|(year, month, day, second, micros)| Time { year, month, day, second, micros })
}

/// A property, a text in its dialect, a property of the same type that says nothing, and the text for that.
#[derive(Debug, Clone)]
struct Written {
    property: Json,
    text: String,
    plain: Json,
    canonical: String,
}

fn written(plain: &Json, members: &Json, text: impl Into<String>, canonical: impl Into<String>) -> Written {
    Written { property: with(plain, members), text: text.into(), plain: plain.clone(), canonical: canonical.into() }
}

/// Dates and times.
fn of_time() -> impl Strategy<Value = Written> {
    let date = ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%Y-%m-%d 00:00:00", "on %d-%m-%Y"];
    let clock = ["%H:%M:%S.%f", "%Hh%Mm%S.%f", "%S.%f;%M;%H", "%H%M%S.%f"];
    let instant = ["%d.%m.%Y %H:%M:%S.%f", "%Y%m%dT%H%M%S.%f", "%m/%d/%Y %H:%M:%S.%f"];
    let zones = [("Asia/Kolkata", "+05:30"), ("America/Phoenix", "-07:00"), ("Etc/GMT-14", "+14:00"), ("UTC", "Z")];
    let pick = |list: &[&'static str]| proptest::sample::select(list.to_vec());
    let (date, clock, instant) = (pick(&date), pick(&clock), pick(&instant));
    (time(), 0..9_u8, date, clock, instant, proptest::sample::select(zones.to_vec())).prop_map(
        |(time, kind, date, clock, instant, (zone, offset))| {
            let of = |name: &str| json!({"type": name});
            let local = time.shown("%Y-%m-%dT%H:%M:%S.%f");
            let in_zone = format!("{local}{offset}");
            match kind {
                0 => written(&of("date"), &json!({"formats": [date]}), time.shown(date), time.shown("%Y-%m-%d")),
                1 => written(&of("time"), &json!({"formats": [clock]}), time.shown(clock), time.shown("%H:%M:%S.%f")),
                2 => {
                    let members = json!({"formats": ["rfc3339", instant], "time_zone": zone, "ambiguous": "later"});
                    written(&of("datetime"), &members, time.shown(instant), in_zone)
                }
                3 => {
                    let pattern = format!("{instant} %z");
                    let members = json!({"formats": [pattern]});
                    written(&of("datetime"), &members, time.shown(&pattern), format!("{local}+05:30"))
                }
                4 => written(&of("datetime"), &json!({"time_zone": zone}), local, in_zone),
                5 => {
                    let text = time.shown("%Y-%m-%d %H:%M:%S.%f+0530");
                    written(&of("datetime"), &json!({"time_zone": zone}), text, format!("{local}+05:30"))
                }
                6 => written(&of("datetime"), &json!({"truncate": true}), format!("{local}789Z"), format!("{local}Z")),
                7 => {
                    let text = time.shown("%H:%M:%S.%f999");
                    written(&of("time"), &json!({"truncate": true}), text, time.shown("%H:%M:%S.%f"))
                }
                _ => {
                    let members = json!({"formats": ["%d.%m.%Y", "rfc3339"]});
                    written(&of("date"), &members, time.shown("%Y-%m-%d"), time.shown("%Y-%m-%d"))
                }
            }
        },
    )
}

/// Numbers and truth values.
fn of_number() -> impl Strategy<Value = Written> {
    let comma = json!({"decimal_separator": ","});
    (any::<i32>(), 0..1_000_u32, 0..7_u8).prop_map(move |(whole, fraction, kind)| {
        let decimal = json!({"type": "decimal", "precision": 20, "scale": 3});
        let plain = format!("{whole}.{fraction:03}");
        match kind {
            0 => written(&decimal, &comma, plain.replace('.', ","), plain),
            1 => written(&json!({"type": "number"}), &comma, plain.replace('.', ","), plain),
            2 => written(&json!({"type": "integer"}), &comma, format!("{whole},000"), whole.to_string()),
            3 => written(&json!({"type": "integer"}), &comma, format!("{whole}"), whole.to_string()),
            4 => written(&json!({"type": "boolean"}), &json!({"true_tokens": ["ja", "1"]}), "ja", "true"),
            5 => written(&json!({"type": "boolean"}), &json!({"false_tokens": ["nein", "0"]}), "0", "false"),
            _ => written(&json!({"type": "boolean"}), &json!({"true_tokens": ["ja"]}), "FALSE", "false"),
        }
    })
}

/// Every type whose values are texts, with one of its values.
const CANONICAL: [(&str, &str); 9] = [
    ("string", "Genève"),
    ("integer", "-42"),
    ("number", "1.5"),
    ("decimal", "12.50"),
    ("boolean", "true"),
    ("date", "2026-01-31"),
    ("time", "08:15:00.000000"),
    ("datetime", "2026-01-31T08:15:00.000000Z"),
    ("uuid", "01890a5d-ac96-774b-bcce-b302099a8057"),
];

fn plain(name: &str) -> Json {
    if name == "decimal" { json!({"type": name, "precision": 5, "scale": 2}) } else { json!({"type": name}) }
}

/// A struct of one value, in an object.
fn nested(property: &Json, times: ArrayRef) -> Cell {
    let field = Field::new("at", times.data_type().clone(), true);
    let column: ArrayRef = Arc::new(StructArray::from(vec![(Arc::new(field), times)]));
    cell(&schema_of(property), Format::ArrowStream, &arrow(column))
}

proptest! {
    #[test]
    fn a_value_in_its_dialect_is_the_value(
        written in prop_oneof![of_time(), of_number()],
        is_padded in any::<bool>(),
    ) {
        let Written { mut property, mut text, plain, canonical: own } = written;
        if is_padded {
            property["trim"] = true.into();
            text = format!(" \t{text}\u{a0}");
        }
        let expected = canonical(&plain, &own);
        prop_assert!(expected.is_ok(), "{own}: {expected:?}");
        assert_all(cells_of_text(&property, &text), &expected, &format!("{property} {text:?}"));
    }

    #[test]
    fn what_a_dialect_would_lose_is_refused(time in time(), nanos in 1..1_000_u32, whole in any::<i32>()) {
        let local = time.shown("%Y-%m-%dT%H:%M:%S.%f");
        for (property, text) in [
            (json!({"type": "datetime", "time_zone": "UTC"}), format!("{local}{nanos:03}")),
            (json!({"type": "datetime", "time_zone": "UTC"}), format!("{local}{nanos:03}Z")),
            (json!({"type": "time", "trim": true}), time.shown(&format!("%H:%M:%S.%f{nanos:03}"))),
            (json!({"type": "time", "formats": ["%H.%M.%S.%f"]}), time.shown(&format!("%H.%M.%S.%f{nanos:03}"))),
            (json!({"type": "datetime", "formats": ["epoch_nanos"]}), format!("{whole}{nanos:03}1")),
            (json!({"type": "number", "decimal_separator": ","}), format!("{whole}.5")),
            (json!({"type": "number", "decimal_separator": ","}), format!("{whole},5,5")),
            (json!({"type": "integer", "decimal_separator": ","}), format!("{whole},5")),
            (json!({"type": "datetime", "trim": true}), local.clone()),
        ] {
            for (format, found) in cells_of_text(&property, &text) {
                prop_assert!(found.is_err(), "{} {} {}: {:?}", format, property, text, found);
            }
        }
    }

    #[test]
    fn a_count_since_1970_is_the_instant(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
        let text = ValueRef::Datetime(micros).text(DataType::Datetime).unwrap();
        let expected = canonical(&json!({"type": "datetime"}), &text);
        let seconds = format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let of = |format: &str| json!({"type": "datetime", "formats": [format]});
        for (format, number) in [
            ("epoch_micros", micros.to_string()),
            ("epoch_nanos", format!("{micros}000")),
            ("epoch_millis", format!("{micros}e-3")),
        ] {
            assert_all(cells_of_number(&of(format), &number), &expected, &number);
            assert_all(cells_of_text(&of(format), &number), &expected, &number);
        }
        if micros >= 0 {
            assert_all(cells_of_number(&of("epoch_seconds"), &seconds), &expected, &seconds);
        }
        let column: ArrayRef = Arc::new(primitive::<Int64Type>(micros));
        assert_all(cells_of_column(&of("epoch_micros"), &column), &expected, "a column of whole numbers");
    }

    #[test]
    fn a_column_of_local_times_is_read_in_the_zone(time in time(), nanos in 0..1_000_i64) {
        let local = time.shown("%Y-%m-%dT%H:%M:%S.%f");
        let micros = eider_domain::temporal::parse_datetime(&format!("{local}Z")).unwrap();
        let expected = canonical(&json!({"type": "datetime"}), &format!("{local}+05:30"));
        let zone = json!({"type": "datetime", "time_zone": "Asia/Kolkata"});
        let column: ArrayRef = Arc::new(primitive::<TimestampMicrosecondType>(micros));
        assert_all(cells_of_column(&zone, &column), &expected, &local);
        let zoned: ArrayRef = Arc::new(primitive::<TimestampMicrosecondType>(micros).with_timezone("+05:30"));
        let as_it_is = canonical(&json!({"type": "datetime"}), &format!("{local}Z"));
        assert_all(cells_of_column(&zone, &zoned), &as_it_is, &local);
        let fine: ArrayRef = Arc::new(primitive::<TimestampNanosecondType>(micros * 1_000 + nanos));
        let refused = if nanos == 0 { expected.clone() } else { Err(ViolationCode::InvalidValue) };
        assert_all(cells_of_column(&zone, &fine), &refused, &local);
        let cut = with(&zone, &json!({"truncate": true}));
        assert_all(cells_of_column(&cut, &fine), &expected, &local);
        for (times, property, expected) in
            [(column, &zone, &expected), (zoned, &zone, &as_it_is), (Arc::clone(&fine), &zone, &refused), (fine, &cut, &expected)]
        {
            let encoded: ArrayRef = Arc::new(DictionaryArray::new(primitive::<Int32Type>(0), Arc::clone(&times)));
            assert_all(cells_of_column(property, &encoded), expected, "a dictionary of times");
            let runs: ArrayRef = Arc::new(RunArray::try_new(&primitive::<Int32Type>(1), &times).unwrap());
            let schema = schema_of(property);
            prop_assert_eq!(&cell(&schema, Format::ArrowStream, &arrow(runs)), expected, "runs of times");
        }
    }

    /// There is no property within an object that could say what zone is meant, or that digits go.
    #[test]
    fn times_within_objects_are_as_they_are(time in time(), nanos in 0..1_000_i64) {
        let local = time.shown("%Y-%m-%dT%H:%M:%S.%f");
        let micros = eider_domain::temporal::parse_datetime(&format!("{local}Z")).unwrap();
        let parts = if nanos == 0 { String::new() } else { format!("{nanos:03}") };
        let times = primitive::<TimestampNanosecondType>(micros * 1_000 + nanos);
        for (times, zone) in [(times.clone(), ""), (times.with_timezone("+05:30"), "Z")] {
            let expected = json!({"at": format!("{local}{parts}{zone}")}).to_string();
            prop_assert_eq!(nested(&json!({"type": "object"}), Arc::new(times)), Ok(Some(expected)));
        }
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written(number in 1_i64..1 << 62, zeros in 0..5_usize) {
        let integer = json!({"type": "integer"});
        let expected = Ok(Some(number.to_string()));
        let point = format!("{number}.{}", "0".repeat(zeros + 1));
        let exponent = format!("{number}{}e-{zeros}", "0".repeat(zeros));
        for text in [&point, &exponent] {
            assert_all(cells_of_number(&integer, text), &expected, text);
        }
        let near = format!("{number}.{}1", "0".repeat(zeros * 8));
        assert_all(cells_of_number(&integer, &near), &Err(ViolationCode::TypeMismatch), &near);
    }
}

#[test]
fn white_space_and_words_for_null_are_read_in_every_type() {
    for (name, text) in CANONICAL {
        let plain = plain(name);
        let trimmed = with(&plain, &json!({"trim": true}));
        assert_all(cells_of_text(&trimmed, &format!("\u{2003}{text} \r\n")), &canonical(&plain, text), name);
        let nulls = with(&plain, &json!({"null_tokens": ["n/a", "-", ""], "trim": true}));
        for token in ["n/a", " - ", "", "  "] {
            assert_all(cells_of_text(&nulls, token), &Ok(None), &format!("{name} {token:?}"));
        }
        assert_all(cells_of_text(&nulls, text), &canonical(&plain, text), name);
        let required = with(&nulls, &json!({"required": true}));
        assert_all(cells_of_text(&required, "n/a"), &Err(ViolationCode::RequiredMissing), name);
        let itself = with(&plain, &json!({"null_tokens": [if name == "boolean" { "n/a" } else { text }]}));
        let expected = if name == "boolean" { canonical(&plain, text) } else { Ok(None) };
        assert_all(cells_of_text(&itself, text), &expected, name);
    }
}

#[test]
fn a_number_that_stands_for_null_is_null_in_whatever_form() {
    let integer = json!({"type": "integer", "null_tokens": ["-999"]});
    for number in ["-999", "-999.0", "-9.99e2"] {
        assert_all(cells_of_number(&integer, number), &Ok(None), number);
    }
    assert_all(cells_of_number(&integer, "999"), &Ok(Some("999".to_owned())), "999");
    let column: ArrayRef = Arc::new(primitive::<Int64Type>(-999));
    assert_all(cells_of_column(&integer, &column), &Ok(None), "a column");
    let number = json!({"type": "number", "null_tokens": ["-999"]});
    assert_all(cells_of_column(&number, &column), &Ok(None), "a column of another width");
    assert_all(cells_of_number(&number, "-999.0"), &Ok(None), "a double");
}

#[test]
fn a_date_may_be_a_number() {
    let date = json!({"type": "date", "formats": ["%Y%m%d"]});
    assert_all(cells_of_number(&date, "20260131"), &Ok(Some("2026-01-31".to_owned())), "a number");
    let column: ArrayRef = Arc::new(primitive::<Int64Type>(20_260_131));
    assert_all(cells_of_column(&date, &column), &Ok(Some("2026-01-31".to_owned())), "a column");
    assert_all(cells_of_number(&date, "20260231"), &Err(ViolationCode::InvalidValue), "a day that does not exist");
}

#[test]
fn truth_values_may_be_numbers() {
    let boolean = json!({"type": "boolean", "true_tokens": ["1"], "false_tokens": ["0"]});
    for (number, expected) in
        [(1, Ok(Some("true".to_owned()))), (0, Ok(Some("false".to_owned()))), (2, Err(ViolationCode::TypeMismatch))]
    {
        let in_csv = cell(&schema_of(&boolean), Format::Csv, format!("p\n{number}\n").as_bytes());
        assert_eq!(in_csv.is_ok(), expected.is_ok());
        let json = cell(&schema_of(&boolean), Format::Ndjson, format!("{{\"p\":{number}}}").as_bytes());
        assert_eq!(json, expected);
        let column: ArrayRef = Arc::new(primitive::<Int64Type>(number));
        assert_all(cells_of_column(&boolean, &column), &expected, "a column");
    }
    for text in ["True", "TRUE", "true"] {
        let plain = cell(&schema_of(&json!({"type": "boolean"})), Format::Csv, format!("p\n{text}\n").as_bytes());
        assert_eq!(plain, Ok(Some("true".to_owned())), "{text}");
    }
}

#[test]
fn decimals_keep_every_digit_of_a_number() {
    let decimal = json!({"type": "decimal", "precision": 38, "scale": 10});
    let digits = "1234567890123456789012345678.0123456789";
    assert_all(cells_of_number(&decimal, digits), &Ok(Some(digits.to_owned())), digits);
    let exponent = "12345678901234567890123456780123456789e-10";
    let record = format!("{{\"p\":{exponent}}}");
    assert_eq!(cell(&schema_of(&decimal), Format::Ndjson, record.as_bytes()), Ok(Some(digits.to_owned())));
    for number in ["0.00000000001", "12345678901234567890123456789.0"] {
        let record = format!("{{\"p\":{number}}}");
        let found = cell(&schema_of(&decimal), Format::Ndjson, record.as_bytes());
        assert_eq!(found, Err(ViolationCode::OutOfRange), "{number}");
    }
}

#[test]
fn a_patch_reads_the_dialect_too() {
    let schema = schema_of(&json!({"type": "integer", "decimal_separator": ","}));
    let validator = RecordValidator::new(&schema);
    for (patch, expected) in [("{\"p\":\"2,0\"}", 2), ("{\"p\":3.0}", 3), ("{\"p\":4}", 4)] {
        let (mut check, mut row) = (validator.check(), vec![ValueRef::Integer(1)]);
        eider_formats::json::read_patch(patch.as_bytes(), &schema, &mut check, &mut row).unwrap();
        assert_eq!(row, [ValueRef::Integer(expected)]);
    }
}
