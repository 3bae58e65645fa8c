//! Values of every type, in through a bulk call and out through a stream, in every format.
//!
//! Whatever format they come in, they come out as the snapshot of their type says.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array,
    RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use insta::assert_snapshot;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::{Value as Json, json};

use crate::app::TestApp;
use crate::encodings::{arrow_records, visible};

/// Values of one type and a null behind them, the same in every row of all three.
struct Values {
    /// As they stand in JSON.
    json: Vec<String>,
    /// As they stand in the cells of CSV.
    csv: Vec<String>,
    /// As a column.
    arrow: ArrayRef,
}

impl Values {
    /// Values that are written alike in JSON and CSV.
    fn plain(texts: &[&str], arrow: impl Array + 'static) -> Self {
        let written = |null: &str| texts.iter().map(|text| (*text).to_owned()).chain([null.to_owned()]).collect();
        Self { json: written("null"), csv: written(""), arrow: Arc::new(arrow) }
    }

    /// Values that are quoted in JSON.
    fn quoted(texts: &[&str], arrow: impl Array + 'static) -> Self {
        let json = texts.iter().map(|text| format!("\"{text}\"")).chain(["null".to_owned()]).collect();
        Self { json, ..Self::plain(texts, arrow) }
    }

    /// JSON values, which are quoted in CSV.
    fn nested(texts: &[&str]) -> Self {
        let csv =
            texts.iter().map(|text| format!("\"{}\"", text.replace('"', "\"\""))).chain([String::new()]).collect();
        Self { csv, ..Self::plain(texts, texts.iter().map(Some).chain([None]).collect::<StringArray>()) }
    }

    /// The values in a bulk body of each format, beside `n`, which counts them.
    fn bodies(&self) -> [(&'static str, &'static str, Vec<u8>); 5] {
        let objects: Vec<String> =
            (0..).zip(&self.json).map(|(n, value): (usize, _)| format!("{{\"n\":{n},\"value\":{value}}}")).collect();
        let cells = (0..).zip(&self.csv).map(|(n, cell): (usize, _)| format!("{n},{cell}\r\n"));
        let csv: String = std::iter::once("n,value\r\n".to_owned()).chain(cells).collect();
        assert_eq!((self.json.len(), self.csv.len()), (self.arrow.len(), self.arrow.len()));
        let numbers: Int64Array = (0..).take(self.arrow.len()).map(Some).collect();
        let columns = [("n", Arc::new(numbers) as ArrayRef), ("value", Arc::clone(&self.arrow))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut arrow = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        arrow.write(&batch).unwrap();
        let mut parquet = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        parquet.write(&batch).unwrap();
        [
            ("ndjson", "application/x-ndjson", objects.join("\n").into_bytes()),
            ("json", "application/json", format!("[{}]", objects.join(",")).into_bytes()),
            ("csv", "text/csv", csv.into_bytes()),
            ("arrow", "application/vnd.apache.arrow.stream", arrow.into_inner().unwrap()),
            ("parquet", "application/vnd.apache.parquet", parquet.into_inner().unwrap()),
        ]
    }
}

/// Stores the values from each format, and compares what comes out in all of them with the snapshot `name`.
async fn check(name: &str, mut property: Json, values: Values) {
    let app = TestApp::start();
    property["name"] = "value".into();
    let mut outcomes: Vec<String> = Vec::new();
    for (format, media_type, body) in values.bodies() {
        let schema = format!("from_{format}");
        let properties = json!([{"name": "n", "type": "integer"}, property]);
        let created = app.post("/api/v1/schemas", &json!({"name": schema, "properties": properties})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let stored = app.post_text(&format!("/api/v1/records/{schema}/bulk"), media_type, body).await;
        assert_eq!(stored.status, 201, "{format}: {}", stored.text);
        outcomes.push(everything(&app, &schema).await);
    }
    for (outcome, format) in outcomes.iter().zip(["ndjson", "json", "csv", "arrow", "parquet"]) {
        assert_eq!(outcome, &outcomes[0], "{name} from {format} and from ndjson");
    }
    assert_snapshot!(name, outcomes[0]);
}

/// The records of a schema in all formats, as text.
async fn everything(app: &TestApp, schema: &str) -> String {
    let mut shown = String::new();
    for format in ["ndjson", "json", "csv", "arrow", "parquet"] {
        let path = format!("/api/v1/records/{schema}/stream?fields=n,value&format={format}");
        let response = app.request("GET", &path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.bytes().await.unwrap();
        let text = match format {
            "arrow" => rendered(&arrow_records(&body)),
            "parquet" => parquet(body),
            _ => visible(&body),
        };
        writeln!(shown, "# {format}\n{}\n", text.trim_end_matches('\n')).unwrap();
    }
    shown
}

/// The column of the values and each of them.
fn rendered(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let field = schema.field_with_name("value").unwrap();
    let column = &batch["value"];
    // The formatter knows zones by their offset alone.
    let shown = match column.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(instants) => Arc::new(instants.clone().with_timezone("+00:00")),
        None => Arc::clone(column),
    };
    let formatter = ArrayFormatter::try_new(&shown, &FormatOptions::default()).unwrap();
    let mut text = format!("{} {:?} nullable={} {:?}\n", field.name(), field.data_type(), field.is_nullable(), {
        let mut metadata: Vec<_> = field.metadata().iter().collect();
        metadata.sort();
        metadata
    });
    for row in 0..batch.num_rows() {
        let value =
            if column.is_null(row) { "null".to_owned() } else { format!("{:?}", formatter.value(row).to_string()) };
        writeln!(text, "{value}").unwrap();
    }
    text
}

/// A Parquet file as a reader sees it that knows nothing of Arrow.
fn parquet(body: Bytes) -> String {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(body, options).unwrap();
    let mut types = Vec::new();
    let root = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
    parquet::schema::printer::print_schema(&mut types, &root);
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    format!("{}{}", visible(&types), rendered(&batches[0]))
}

#[tokio::test]
async fn text_comes_out_as_it_went_in() {
    // In JSON, in CSV, in Arrow.
    let texts = [
        (r#""""#, r#""""#, ""),
        (r#"" ""#, " ", " "),
        (r#""UA""#, "UA", "UA"),
        (r#""a,b""#, r#""a,b""#, "a,b"),
        (r#""\"""#, r#""""""#, "\""),
        (r#""say \"\"""#, r#""say """"""#, "say \"\""),
        (r#""line\nbreak""#, "\"line\nbreak\"", "line\nbreak"),
        (r#""line\r\nbreak""#, "\"line\r\nbreak\"", "line\r\nbreak"),
        (r#""\r""#, "\"\r\"", "\r"),
        (r#""\u00e9\ud83e\udd86""#, "é🦆", "é🦆"),
        ("\"e\u{301}\"", "e\u{301}", "e\u{301}"),
        (r#""\u0000""#, "\0", "\0"),
        (r#""\ufeffx""#, "\u{feff}x", "\u{feff}x"),
        (r#""null""#, "null", "null"),
        (r#""=1+1""#, "=1+1", "=1+1"),
        (r#""\\n""#, "\\n", "\\n"),
        (r#""\t""#, "\t", "\t"),
        (r#""0010""#, "0010", "0010"),
    ];
    let column: StringArray = texts.iter().map(|text| Some(text.2)).chain([None]).collect();
    let Values { json, .. } = Values::plain(&texts.map(|text| text.0), column.clone());
    let values = Values { json, ..Values::plain(&texts.map(|text| text.1), column) };
    check("string", json!({"type": "string"}), values).await;
}

#[tokio::test]
async fn integers_come_out_as_they_went_in() {
    let integers = [i64::MIN, i64::MAX, 0, -1, 9_007_199_254_740_993];
    let texts = integers.map(|integer| integer.to_string());
    let column: Int64Array = integers.into_iter().map(Some).chain([None]).collect();
    check("integer", json!({"type": "integer"}), Values::plain(&texts.each_ref().map(String::as_str), column)).await;
}

#[tokio::test]
async fn numbers_come_out_as_they_went_in() {
    let numbers = [
        ("0", 0.0),
        ("-0.0", -0.0),
        ("5e-324", 5e-324),
        ("-5e-324", -5e-324),
        ("2.2250738585072014e-308", f64::MIN_POSITIVE),
        ("1.7976931348623157e308", f64::MAX),
        ("-1.7976931348623157E+308", f64::MIN),
        ("0.1", 0.1),
        ("-2.50", -2.5),
        ("1e21", 1e21),
        ("123456789012345680", 123_456_789_012_345_680.0),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("1e-7", 1e-7),
        ("3.141592653589793", std::f64::consts::PI),
    ];
    let column: Float64Array = numbers.iter().map(|number| Some(number.1)).chain([None]).collect();
    check("number", json!({"type": "number"}), Values::plain(&numbers.map(|number| number.0), column)).await;
}

#[tokio::test]
async fn decimals_come_out_as_they_went_in() {
    const MOST: i128 = 10_i128.pow(38) - 1;
    for (name, scale, decimals) in [
        (
            "decimal",
            10,
            &[
                ("9999999999999999999999999999.9999999999", MOST),
                ("-9999999999999999999999999999.9999999999", -MOST),
                ("0.0000000001", 1),
                ("-0.0000000001", -1),
                ("12.50", 125_000_000_000),
                ("12", 120_000_000_000),
                ("-0", 0),
            ][..],
        ),
        (
            "decimal_whole",
            0,
            &[
                ("99999999999999999999999999999999999999", MOST),
                ("-99999999999999999999999999999999999999", -MOST),
                ("0", 0),
            ],
        ),
        (
            "decimal_fraction",
            38,
            &[
                ("0.99999999999999999999999999999999999999", MOST),
                ("-0.99999999999999999999999999999999999999", -MOST),
                ("0.00000000000000000000000000000000000001", 1),
                ("0", 0),
            ],
        ),
    ] {
        let texts: Vec<&str> = decimals.iter().map(|decimal| decimal.0).collect();
        let column: Decimal128Array = decimals.iter().map(|decimal| Some(decimal.1)).chain([None]).collect();
        let column = column.with_precision_and_scale(38, scale).unwrap();
        let property = json!({"type": "decimal", "precision": 38, "scale": scale});
        check(name, property, Values::quoted(&texts, column)).await;
    }
}

#[tokio::test]
async fn booleans_come_out_as_they_went_in() {
    let column = BooleanArray::from(vec![Some(true), Some(false), None]);
    check("boolean", json!({"type": "boolean"}), Values::plain(&["true", "false"], column)).await;
}

#[tokio::test]
async fn dates_come_out_as_they_went_in() {
    let dates = [
        ("0000-01-01", -719_528),
        ("0000-02-29", -719_469),
        ("1969-12-31", -1),
        ("1970-01-01", 0),
        ("2000-02-29", 11_016),
        ("2024-02-29", 19_782),
        ("9999-12-31", 2_932_896),
    ];
    let column: Date32Array = dates.iter().map(|date| Some(date.1)).chain([None]).collect();
    check("date", json!({"type": "date"}), Values::quoted(&dates.map(|date| date.0), column)).await;
}

#[tokio::test]
async fn times_come_out_with_six_decimals() {
    let times = [
        ("00:00:00", 0),
        ("00:00:00.000001", 1),
        ("08:15:00", 29_700_000_000),
        ("08:15:00.5", 29_700_500_000),
        ("23:59:59.999999", 86_399_999_999),
    ];
    let column: Time64MicrosecondArray = times.iter().map(|time| Some(time.1)).chain([None]).collect();
    check("time", json!({"type": "time"}), Values::quoted(&times.map(|time| time.0), column)).await;
}

#[tokio::test]
async fn instants_come_out_in_utc_with_six_decimals() {
    let instants = [
        ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T00:00:00Z", 0),
        ("2000-03-01T04:59:59.5+05:00", 951_868_799_500_000),
        ("2024-02-29T18:59:59-05:00", 1_709_251_199_000_000),
        ("2024-03-01T00:00:00.000001Z", 1_709_251_200_000_001),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ];
    let column: TimestampMicrosecondArray = instants.iter().map(|instant| Some(instant.1)).chain([None]).collect();
    let values = Values::quoted(&instants.map(|instant| instant.0), column.with_timezone("UTC"));
    check("datetime", json!({"type": "datetime"}), values).await;
}

#[tokio::test]
async fn uuids_come_out_in_lower_case() {
    let uuids = [
        ("00000000-0000-0000-0000-000000000000", 0),
        ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", u128::MAX),
        ("01890A5D-ac96-774b-bcce-b302099a8057", 0x0189_0a5d_ac96_774b_bcce_b302_099a_8057),
    ];
    let bytes = uuids.iter().map(|uuid| Some(u128::to_be_bytes(uuid.1))).chain([None]);
    let column = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 16).unwrap();
    check("uuid", json!({"type": "uuid"}), Values::quoted(&uuids.map(|uuid| uuid.0), column)).await;
}

#[tokio::test]
async fn objects_come_out_letter_by_letter_without_white_space() {
    let values = Values::nested(&[
        "{}",
        r#"{ "b" : [ 1 , 1.0, 1e2, -0 ] , "a" : { "b" : null } }"#,
        r#"{"é, \"quoted\"\n":"\u00e9 \ud83e\udd86 é🦆 \/","":""}"#,
        r#"{"large":123456789012345678901234567890,"small":1e-400,"exact":0.10}"#,
        r#"{"null":null,"true":true,"false":false,"text":"  two  spaces  "}"#,
    ]);
    check("object", json!({"type": "object"}), values).await;
}

#[tokio::test]
async fn arrays_come_out_letter_by_letter_without_white_space() {
    let values = Values::nested(&[
        "[]",
        "[ ]",
        "[[],{},[[[]]]]",
        r#"[ null , true, "a, \"b\"\n" , 1.50 ]"#,
        r#"[{"a":[{"b":[]}]}]"#,
    ]);
    check("array", json!({"type": "array"}), values).await;
}
