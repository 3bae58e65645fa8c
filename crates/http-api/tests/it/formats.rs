//! Bulk calls in every format and encoding.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use eider_application::ingest::IngestLimits;
use eider_http_api::HttpSettings;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};

const BULK: &str = "/api/v1/records/flights/bulk";

const CSV: &str = "text/csv; charset=utf-8";
const ARROW: &str = "application/vnd.apache.arrow.stream";
const PARQUET: &str = "application/vnd.apache.parquet";

/// Flights: the carrier, the number, the delay.
type Flight = (Option<&'static str>, i32, Option<f64>);

fn batch(flights: &[Flight]) -> RecordBatch {
    let carriers: StringArray = flights.iter().map(|flight| flight.0).collect();
    let numbers: Int32Array = flights.iter().map(|flight| Some(flight.1)).collect();
    let delays: Float64Array = flights.iter().map(|flight| flight.2).collect();
    let columns = [
        ("carrier", Arc::new(carriers) as ArrayRef, true),
        ("Flight", Arc::new(numbers), true),
        ("dep_delay", Arc::new(delays), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn arrow(flights: &[Flight]) -> Vec<u8> {
    let batch = batch(flights);
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn parquet(flights: &[Flight]) -> Vec<u8> {
    let batch = batch(flights);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn csv(flights: &[Flight]) -> Vec<u8> {
    let mut text = "carrier,Flight,dep_delay\r\n".to_owned();
    for (carrier, number, delay) in flights {
        let delay = delay.map_or_else(String::new, |delay| delay.to_string());
        write!(text, "{},{number},{delay}\r\n", carrier.unwrap_or_default()).unwrap();
    }
    text.into_bytes()
}

fn ndjson(flights: &[Flight]) -> Vec<u8> {
    let line = |(carrier, number, delay): &Flight| {
        format!("{}\n", json!({"carrier": carrier, "flight": number, "dep_delay": delay}))
    };
    flights.iter().map(line).collect::<String>().into_bytes()
}

/// Every format with its media type and how many lines stand before the first record.
fn formats(flights: &[Flight]) -> [(&'static str, Vec<u8>, u64); 5] {
    [
        ("application/x-ndjson", ndjson(flights), 0),
        (CSV, csv(flights), 1),
        (ARROW, arrow(flights), 0),
        (PARQUET, parquet(flights), 0),
        ("application/parquet", parquet(flights), 0),
    ]
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

async fn post_encoded(app: &TestApp, media_type: &str, encoding: &str, body: Vec<u8>) -> Answer {
    let request = app.request("POST", BULK).header(CONTENT_TYPE, media_type).header(CONTENT_ENCODING, encoding);
    app.send(request.body(body)).await
}

/// The records without what the server made.
fn records(page: &Json) -> Vec<Json> {
    let mut records = page["data"].as_array().unwrap().clone();
    for record in &mut records {
        for field in ["id", "created_at", "updated_at", "version"] {
            record.as_object_mut().unwrap().remove(field);
        }
    }
    records
}

#[tokio::test]
async fn every_format_stores_the_same_records() {
    let flights = [(Some("UA"), 1, Some(-2.5)), (Some("AA"), 2, None)];
    for (media_type, body, _) in formats(&flights) {
        let app = TestApp::with_flights().await;
        let answer = app.post_text(BULK, media_type, body).await;
        assert_eq!((answer.status, &answer.json()["created"]), (201, &json!(2)), "{media_type}: {}", answer.text);
        let rest = json!({"time_hour": null, "confirmation": null, "extra": null});
        let expected = [
            json!({"carrier": "UA", "flight": 1, "dep_delay": -2.5}),
            json!({"carrier": "AA", "flight": 2, "dep_delay": null}),
        ];
        let expected = expected.map(|mut record| {
            record.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            record
        });
        assert_eq!(records(&app.get("/api/v1/records/flights").await.json()), expected, "{media_type}");
    }
}

#[tokio::test]
async fn every_format_gives_the_same_report() {
    let flights = [(Some("UA"), 1, None), (None, 2, Some(1.0)), (Some("UAL"), 3, None)];
    let app = TestApp::with_flights().await;
    for (media_type, body, lines_before) in formats(&flights) {
        let answer = app.post_text(BULK, media_type, body).await;
        assert_eq!(answer.problem(), (422, "validation_failed".to_owned()), "{media_type}");
        let report = answer.json();
        assert_eq!((&report["received"], &report["failed"]), (&json!(3), &json!(2)));
        let expected = json!([
            {"line": 2 + lines_before, "pointer": "/carrier", "code": "required_missing", "detail": "`carrier` is required"},
            {"line": 3 + lines_before, "pointer": "/carrier", "code": "too_long", "detail": "the text has 3 characters, the most is 2"},
        ]);
        assert_eq!(report["failures"], expected, "{media_type}");
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn shared_keys_name_the_lines_of_a_csv_body() {
    let app = TestApp::with_flights().await;
    let body = "carrier,confirmation\nUA,\"a\nb\"\nUA,c\nUA,\"a\nb\"\n";
    let report = app.post_text(BULK, CSV, body).await.json();
    assert_eq!(
        report["failures"],
        json!([{"line": 5, "pointer": "/confirmation", "code": "unique_violation",
            "detail": "the record at line 2 of this body has the same `confirmation`"}])
    );
}

#[tokio::test]
async fn a_body_that_is_not_of_its_format_is_refused_whole() {
    let app = TestApp::with_flights().await;
    for (media_type, body, detail) in [
        (CSV, "", "the body is empty; expected a CSV header row"),
        (CSV, "carier\nUA\n", "the schema has no property for the column `carier`; did you mean `carrier`?"),
        (
            CSV,
            "carrier\n\"UA\n",
            "the quotes of the record that begins on line 2 are not closed by the end of the body, line 3",
        ),
        (ARROW, "carrier\nUA\n", "the body is not an Arrow IPC stream"),
        (PARQUET, "carrier\nUA and more\n", "the body is not a Parquet file"),
    ] {
        let answer = app.post_text(BULK, media_type, body).await;
        assert_eq!(answer.problem(), (400, "malformed_request".to_owned()), "{body}");
        assert_eq!(answer.detail(), detail);
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_media_type_that_is_not_read_names_those_that_are() {
    let app = TestApp::with_flights().await;
    let answer = app.post_text(BULK, "text/plain", "UA").await;
    assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()));
    for media_type in ["text/csv", ARROW, PARQUET] {
        assert!(answer.detail().contains(media_type), "{}", answer.detail());
    }
}

#[tokio::test]
async fn every_format_may_come_compressed() {
    let app = TestApp::with_flights().await;
    let flights = [(Some("UA"), 1, Some(-2.5)), (Some("AA"), 2, None)];
    let mut count = 0;
    for (media_type, body, _) in formats(&flights) {
        let half = body.len() / 2;
        for (encoding, body) in [
            ("gzip", gzip(&body)),
            ("X-GZIP", [gzip(&body[..half]), gzip(&body[half..])].concat()),
            ("zstd", zstd::encode_all(&body[..], 3).unwrap()),
            ("identity", body),
        ] {
            let answer = post_encoded(&app, media_type, encoding, body).await;
            assert_eq!(answer.status, 201, "{media_type}, {encoding}: {}", answer.text);
            count += 2;
        }
    }
    assert_eq!(app.count().await, count);
}

#[tokio::test]
async fn compressed_data_that_is_damaged_or_cut_off_is_refused() {
    let app = TestApp::with_flights().await;
    let body = ndjson(&[(Some("UA"), 1, None); 100]);
    let (gzip, zstd) = (gzip(&body), zstd::encode_all(&body[..], 3).unwrap());
    for (encoding, damaged) in [
        ("gzip", gzip[..gzip.len() - 1].to_vec()),
        ("zstd", zstd[..zstd.len() - 1].to_vec()),
        ("gzip", body.clone()),
        ("zstd", body),
        ("gzip", Vec::new()),
    ] {
        let answer = post_encoded(&app, "application/x-ndjson", encoding, damaged).await;
        assert_eq!(answer.problem(), (400, "malformed_request".to_owned()));
        assert_eq!(answer.detail(), format!("the {encoding} data of the body is damaged or cut off"));
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn other_encodings_are_not_read() {
    let app = TestApp::with_flights().await;
    for encoding in ["br", "deflate", "gzip, gzip"] {
        let answer = post_encoded(&app, "application/x-ndjson", encoding, b"{}".to_vec()).await;
        assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()));
        assert!(answer.detail().contains("gzip, zstd"));
    }
    let request = app.request("POST", "/api/v1/records/flights").header(CONTENT_TYPE, "application/json");
    let single = app.send(request.header(CONTENT_ENCODING, "gzip").body(gzip(b"{\"carrier\":\"UA\"}"))).await;
    assert_eq!(single.problem().0, 415);
}

#[tokio::test]
async fn a_body_that_stands_for_much_more_is_stored_step_by_step() {
    const ROWS: usize = 40;
    let app = TestApp::with_flights().await;
    let long = "x".repeat(1 << 20);
    let nested: DictionaryArray<Int32Type> = vec![format!("{{\"a\":\"{long}\"}}").as_str(); ROWS].into_iter().collect();
    let carriers = StringArray::from(vec!["UA"; ROWS]);
    let columns = [("carrier", Arc::new(carriers) as ArrayRef), ("extra", Arc::new(nested))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut arrow = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    arrow.write(&batch).unwrap();
    let mut parquet = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    parquet.write(&batch).unwrap();
    for (media_type, body) in [(ARROW, arrow.into_inner().unwrap()), (PARQUET, parquet.into_inner().unwrap())] {
        assert!(body.len() < 4 << 20);
        let answer = app.post_text(BULK, media_type, body).await;
        assert_eq!((answer.status, &answer.json()["created"]), (201, &json!(ROWS)), "{media_type}");
    }
    assert_eq!(app.count().await, 2 * ROWS as u64);
}

/// Bytes of memory that this process holds.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_bomb_is_refused_quickly_and_in_little_memory() {
    let settings = HttpSettings { max_bulk_bytes: 8 << 20, ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    let megabytes = vec![b'\n'; 64 << 20];
    // Two gigabytes each.
    let bombs =
        [("gzip", gzip(&megabytes).repeat(32)), ("zstd", zstd::encode_all(&megabytes[..], 3).unwrap().repeat(32))];
    drop(megabytes);
    for (encoding, bomb) in bombs {
        assert!(bomb.len() < 4 << 20);
        let (started, before) = (Instant::now(), resident_bytes());
        let answer = post_encoded(&app, "application/x-ndjson", encoding, bomb).await;
        assert_eq!(answer.problem(), (413, "payload_too_large".to_owned()), "{encoding}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        // Other tests run beside this one.
        assert!(resident_bytes().saturating_sub(before) < 512 << 20);
    }
}

/// A body of another kind than it is said to be is refused with a word that leads to the fix.
#[tokio::test]
async fn a_refusal_says_what_the_body_is() {
    let app = TestApp::with_flights().await;
    let bulk = "/api/v1/records/flights/bulk?mode=partial";
    let utf16: Vec<u8> = "carrier,flight\nUA,1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (media_type, body, said) in [
        ("text/csv", b"carrier;flight\nUA;1\n".to_vec(), "not semicolons"),
        ("text/csv", b"carrier\tflight\nUA\t1\n".to_vec(), "not tabs"),
        ("text/csv", b"carrier|flight\nUA|1\n".to_vec(), "not bars"),
        ("text/csv", b"\nsep=;\nUA;1\n".to_vec(), "`sep=`"),
        ("text/csv", b"carrier\rUA\r".to_vec(), "CR alone"),
        ("text/csv", utf16.clone(), "UTF-16"),
        ("text/csv; charset=utf-8", [b"\xff\xfe", &utf16[..]].concat(), "UTF-16"),
        ("application/x-ndjson", [b"\xff\xfe", &utf16[..]].concat(), "UTF-16"),
        ("application/x-ndjson", utf16, "UTF-16"),
        ("application/x-ndjson", b"\x1f\x8b\x08\0\0\0".to_vec(), "`Content-Encoding: gzip`"),
        ("application/json", b"\x28\xb5\x2f\xfd\0\0".to_vec(), "`Content-Encoding: zstd`"),
        ("text/csv", b"PK\x03\x04\x14\0".to_vec(), "spreadsheets"),
        ("application/vnd.apache.arrow.stream", b"ARROW1\0\0".to_vec(), "breaks off"),
        ("application/vnd.apache.arrow.stream", b"PAR1\x15\x04".to_vec(), "application/vnd.apache.parquet"),
    ] {
        let refused = app.post_text(bulk, media_type, body).await;
        assert_eq!(refused.problem(), (400, "malformed_request".to_owned()), "{said}: {}", refused.text);
        assert!(refused.json()["detail"].as_str().unwrap().contains(said), "{said}: {}", refused.text);
    }
    let slash = app.get("/api/v1/records/flights/").await;
    assert!(slash.text.contains("no path has a slash at its end"), "{}", slash.text);
    let plus = app.get("/api/v1/records/flights?time_hour.gte=2013-01-01T00:00:00+01:00").await;
    assert!(plus.text.contains("write `%2B`"), "{}", plus.text);
}

/// Files as pyarrow writes them: without rows, and with a group without rows between two others.
#[tokio::test]
async fn a_parquet_file_may_have_groups_without_rows() {
    let app = TestApp::with_flights().await;
    let properties = json!([{"name": "carrier", "type": "string"}, {"name": "flight", "type": "integer"}]);
    let created = app.post("/api/v1/schemas", &json!({"name": "plain", "properties": properties})).await;
    assert_eq!(created.status, 201);
    for (file, rows) in
        [(&include_bytes!("files/no_rows.parquet")[..], 0), (&include_bytes!("files/empty_group.parquet")[..], 4)]
    {
        let stored = app.post_text("/api/v1/records/plain/bulk", "application/vnd.apache.parquet", file.to_vec()).await;
        assert_eq!((stored.status, &stored.json()["created"]), (201, &json!(rows)), "{}", stored.text);
        let inferred = app.post_text("/api/v1/schemas/infer", "application/vnd.apache.parquet", file.to_vec()).await;
        assert!(inferred.status < 500, "{}", inferred.text);
    }
}

#[tokio::test]
async fn uuids_go_out_as_bytes_or_as_text_and_come_in_either_way() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "flight": 1}, {"carrier": "AA", "flight": 2}])).await;
    let before = app.get("/api/v1/records/flights?sort=flight").await.json()["data"].clone();
    for format in ["arrow", "parquet"] {
        let mut sizes = Vec::new();
        for uuid in ["bytes", "text"] {
            let path = format!("/api/v1/records/flights/stream?format={format}&uuid={uuid}");
            let response = app.request("GET", &path).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            let body = response.bytes().await.unwrap();
            let is_text = body.windows(36).any(|bytes| bytes == before[0]["id"].as_str().unwrap().as_bytes());
            // The pages of Parquet are compressed.
            assert!(format == "parquet" || is_text == (uuid == "text"), "{path}");
            let again = app
                .request("POST", &format!("{BULK}?on_conflict=replace&read_only=ignore"))
                .header(CONTENT_TYPE, if format == "arrow" { ARROW } else { PARQUET })
                .body(body.clone());
            let receipt = app.send(again).await;
            assert_eq!((receipt.status, &receipt.json()["updated"]), (201, &json!(2)), "{path}");
            sizes.push(body.len());
        }
        assert_ne!(sizes[0], sizes[1], "{format}");
    }
    let after = app.get("/api/v1/records/flights?sort=flight").await.json()["data"].clone();
    let ids = |records: &Json| [records[0]["id"].clone(), records[1]["id"].clone()];
    assert_eq!(ids(&after), ids(&before));
    for query in ["format=csv&uuid=text", "uuid=bytes", "format=arrow&uuid=base64"] {
        let answer = app.get(&format!("/api/v1/records/flights/stream?{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()), "{query}");
    }
}
