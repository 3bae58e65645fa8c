//! Streams and pages in every format and encoding, over HTTP.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use eider_application::ingest::BodyFormat;
use eider_application::ports::{StoreError, StoreErrorKind};
use flate2::write::GzDecoder;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use serde_json::{Value as Json, json};
use zstd::stream::write::Decoder as ZstdDecoder;

use crate::app::{TestApp, broken_body};
use crate::encodings::{arrow_records, parquet_records};

const PAGE: &str = "/api/v1/records/flights";
const STREAM: &str = "/api/v1/records/flights/stream";

/// Every name of a format that answers have.
fn media_types() -> impl Iterator<Item = &'static eider_formats::MediaType> {
    BodyFormat::written().flat_map(BodyFormat::media_types)
}

/// The short name and the media type of formats that clients rely on, and what `Content-Type` says.
const FORMATS: [(&str, &str, &str); 6] = [
    ("ndjson", "application/x-ndjson", "application/x-ndjson"),
    ("jsonl", "application/jsonl", "application/jsonl"),
    ("json", "application/json", "application/json"),
    ("csv", "text/csv", "text/csv; charset=utf-8; header=present"),
    ("arrow", "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
    ("parquet", "application/vnd.apache.parquet", "application/vnd.apache.parquet"),
];

async fn app_with(count: i64) -> TestApp {
    let app = TestApp::with_flights().await;
    let record = |n: i64| {
        let delay = (n % 3 != 0).then_some(f64::from(i32::try_from(n).unwrap()) / 4.0);
        json!({"carrier": if n % 2 == 0 { "UA" } else { "" }, "flight": n, "dep_delay": delay,
            "time_hour": "2013-01-31T08:15:00Z", "extra": {"text": "a,\n\"b\""}})
    };
    app.load((0..count).map(record).collect::<Vec<_>>().into()).await;
    app
}

/// A whole answer, of status 200, as bytes.
async fn bytes(app: &TestApp, path: &str, headers: &[(reqwest::header::HeaderName, &str)]) -> (Bytes, String) {
    let request = headers.iter().fold(app.request("GET", path), |request, (name, value)| request.header(name, *value));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path} {headers:?}");
    let encoding = response.headers().get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap()).to_owned();
    (response.bytes().await.unwrap(), encoding)
}

/// The records of an answer in any format but CSV.
pub(crate) fn records(format: &str, body: &[u8]) -> Vec<Json> {
    match format {
        "ndjson" | "jsonl" => {
            std::str::from_utf8(body).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
        "json" => serde_json::from_slice(body).unwrap(),
        "arrow" => eider_testkit::rows(&arrow_records(body)),
        "parquet" => eider_testkit::rows(&parquet_records(body)),
        other => panic!("{other}"),
    }
}

/// Inflates what has arrived so far.
enum Inflated {
    Gzip(Box<GzDecoder<Vec<u8>>>),
    Zstd(ZstdDecoder<'static, Vec<u8>>),
}

impl Inflated {
    fn new(encoding: &str) -> Self {
        match encoding {
            "gzip" => Self::Gzip(Box::new(GzDecoder::new(Vec::new()))),
            "zstd" => Self::Zstd(ZstdDecoder::new(Vec::new()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn take(&mut self, piece: &[u8]) {
        match self {
            Self::Gzip(decoder) => {
                decoder.write_all(piece).unwrap();
                decoder.flush().unwrap();
            }
            Self::Zstd(decoder) => {
                decoder.write_all(piece).unwrap();
                decoder.flush().unwrap();
            }
        }
    }

    fn so_far(&self) -> &[u8] {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
        }
    }
}

fn inflate(encoding: &str, body: &[u8]) -> Vec<u8> {
    match encoding {
        "" => body.to_vec(),
        "gzip" => {
            let mut decoder = GzDecoder::new(Vec::new());
            decoder.write_all(body).unwrap();
            decoder.finish().unwrap()
        }
        "zstd" => zstd::decode_all(body).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_format_streams_the_same_records() {
    let app = app_with(10).await;
    for query in ["", "sort=-flight&fields=flight,extra,id,version&limit=4&", "flight.gt=1000&"] {
        let (expected, _) = bytes(&app, &format!("{STREAM}?{query}"), &[]).await;
        let expected = records("ndjson", &expected);
        for (name, accept, content_type) in FORMATS {
            let answer = app.request("GET", &format!("{STREAM}?{query}")).header(ACCEPT, accept).send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()[CONTENT_TYPE]),
                (200, &content_type.parse().unwrap())
            );
            assert_eq!(answer.headers()[VARY], "accept, accept-encoding");
            let by_accept = answer.bytes().await.unwrap();
            // `format` has the last word.
            let path = format!("{STREAM}?{query}format={name}");
            let (by_name, _) = bytes(&app, &path, &[(ACCEPT, "text/html")]).await;
            assert_eq!(by_name, by_accept);
            if name == "csv" {
                let lines = std::str::from_utf8(&by_name).unwrap().matches("\r\n").count();
                assert_eq!(lines, expected.len() + 1);
            } else {
                assert_eq!(records(name, &by_name), expected, "{name} {query}");
            }
        }
    }
}

#[tokio::test]
async fn fields_are_the_columns_of_every_format_in_their_order() {
    let app = app_with(2).await;
    let path = |name: &str| format!("{STREAM}?fields=flight,carrier,version,dep_delay&sort=flight&format={name}");
    let (csv, _) = bytes(&app, &path("csv"), &[]).await;
    assert_eq!(csv, "flight,carrier,version,dep_delay\r\n0,UA,1,\r\n1,\"\",1,0.25\r\n");
    let expected = ["flight", "carrier", "version", "dep_delay"];
    for (name, columns) in [("arrow", arrow_records as fn(&[u8]) -> _), ("parquet", parquet_records)] {
        let (body, _) = bytes(&app, &path(name), &[]).await;
        let names: Vec<String> = columns(&body).schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, expected, "{name}");
    }
    let (line, _) = bytes(&app, &path("ndjson"), &[]).await;
    assert!(line.starts_with(b"{\"flight\":0,\"carrier\":\"UA\",\"version\":1,\"dep_delay\":null}\n"));
}

#[tokio::test]
async fn what_is_streamed_can_be_stored_again() {
    let app = app_with(20).await;
    let fields = "fields=id,carrier,flight,dep_delay,time_hour,confirmation,extra&sort=flight";
    let (expected, _) = bytes(&app, &format!("{STREAM}?{fields}"), &[]).await;
    for (name, media_type, _) in FORMATS {
        for accepted in ["gzip", "zstd", "identity"] {
            let (body, encoding) =
                bytes(&app, &format!("{STREAM}?{fields}&format={name}"), &[(ACCEPT_ENCODING, accepted)]).await;
            let other = TestApp::with_flights().await;
            let request = other.request("POST", &format!("{PAGE}/bulk")).header(CONTENT_TYPE, media_type);
            let encoding = if encoding.is_empty() { "identity" } else { &encoding };
            let answer = other.send(request.header(CONTENT_ENCODING, encoding).body(body)).await;
            assert_eq!((answer.status, &answer.json()["created"]), (201, &json!(20)), "{name}: {}", answer.text);
            assert_eq!(bytes(&other, &format!("{STREAM}?{fields}"), &[]).await.0, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn accept_is_weighed() {
    let app = app_with(1).await;
    let cases = [
        ("*/*", "application/x-ndjson", "application/json"),
        ("", "application/x-ndjson", "application/json"),
        ("application/*", "application/x-ndjson", "application/json"),
        ("text/*", "text/csv", "text/csv"),
        ("text/html, */*;q=0.1", "application/x-ndjson", "application/json"),
        ("text/csv;q=0.5, application/jsonl;q=0.6", "application/jsonl", "application/jsonl"),
        ("*/*, text/csv", "text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv", "text/csv"),
        (
            "application/vnd.apache.parquet, application/json",
            "application/vnd.apache.parquet",
            "application/vnd.apache.parquet",
        ),
        ("application/parquet", "application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/x-ndjson;q=0, application/json;q=0, */*;q=0.5", "application/jsonl", "application/jsonl"),
    ];
    for (accept, of_stream, of_page) in cases {
        for (path, expected) in [(STREAM, of_stream), (PAGE, of_page)] {
            let answer = app.request("GET", path).header(ACCEPT, accept).send().await.unwrap();
            let found = answer.headers()[CONTENT_TYPE].to_str().unwrap().split(';').next().unwrap().to_owned();
            assert_eq!((answer.status().as_u16(), found.as_str()), (200, expected), "{path} {accept}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_produced_is_refused_with_what_can() {
    let app = app_with(1).await;
    for path in [STREAM, PAGE] {
        for accept in ["text/html", "application/xml, image/*", "*/*;q=0", "csv"] {
            let answer = app.send(app.request("GET", path).header(ACCEPT, accept)).await;
            assert_eq!(answer.problem(), (406, "not_acceptable".to_owned()), "{path} {accept}");
            let available: Vec<&str> = media_types().map(|media_type| media_type.essence).collect();
            assert_eq!(answer.json()["available"], json!(available));
            assert!(available.iter().all(|media_type| answer.detail().contains(media_type)));
        }
        for encoding in ["*;q=0", "br, identity;q=0"] {
            let answer = app.send(app.request("GET", path).header(ACCEPT_ENCODING, encoding)).await;
            assert_eq!(answer.problem(), (406, "not_acceptable".to_owned()), "{path} {encoding}");
            assert_eq!(answer.json()["available"], json!(["zstd", "gzip", "identity"]));
        }
        for (query, code) in
            [("format=xml", "invalid_parameter"), ("format=", "invalid_parameter"), ("fromat=csv", "unknown_parameter")]
        {
            let answer = app.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.problem(), (400, code.to_owned()), "{path} {query}");
        }
        let names = media_types().map(|media_type| media_type.name).collect::<Vec<_>>().join(", ");
        assert!(app.get(&format!("{path}?format=xml")).await.detail().contains(&names));
    }
}

#[tokio::test]
async fn accept_encoding_is_weighed_and_what_is_compressed_says_so() {
    let app = app_with(50).await;
    for (accepted, expected) in [
        ("", ""),
        ("identity", ""),
        ("br, deflate", ""),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip"),
        ("gzip;q=0.5, identity;q=0.8", ""),
        ("gzip;q=0", ""),
        ("zstd;q=0, *", "gzip"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("gzip, identity", "gzip"),
    ] {
        for (path, name) in [(STREAM, "ndjson"), (STREAM, "json"), (STREAM, "arrow"), (PAGE, "ndjson"), (PAGE, "arrow")]
        {
            let path = format!("{path}?format={name}");
            let (plain, _) = bytes(&app, &path, &[]).await;
            let (body, encoding) = bytes(&app, &path, &[(ACCEPT_ENCODING, accepted)]).await;
            assert_eq!(encoding, expected, "{path} {accepted}");
            assert!(encoding.is_empty() || body.len() < plain.len());
            assert_eq!(inflate(&encoding, &body), plain, "{path} {accepted}");
        }
    }
    // Parquet is compressed within.
    let parquet = format!("{STREAM}?format=parquet");
    assert_eq!(bytes(&app, &parquet, &[(ACCEPT_ENCODING, "gzip, zstd")]).await.1, "");
    let (body, encoding) = bytes(&app, &parquet, &[(ACCEPT_ENCODING, "gzip, identity;q=0")]).await;
    assert_eq!(records("parquet", &inflate(&encoding, &body)).len(), 50);
    assert_eq!(encoding, "gzip");
}

#[tokio::test]
async fn each_batch_can_be_inflated_before_the_next_is_read() {
    let app = app_with(100).await;
    for encoding in ["gzip", "zstd"] {
        for (name, first, last) in [
            ("ndjson", "\"flight\":0,", "\"flight\":9,"),
            ("csv", ",UA,0,,", ",\"\",9,,"),
            ("json", "\"flight\":0,", "\"flight\":9,"),
        ] {
            let gate = app.store.hold_scan_after(10);
            let request = app.request("GET", &format!("{STREAM}?format={name}")).header(ACCEPT_ENCODING, encoding);
            let mut response = request.send().await.unwrap();
            assert_eq!(response.headers()[CONTENT_ENCODING], encoding);
            let mut inflated = Inflated::new(encoding);
            let has = |inflated: &Inflated, part: &str| String::from_utf8_lossy(inflated.so_far()).contains(part);
            while !(has(&inflated, first) && has(&inflated, last)) {
                let piece = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await;
                inflated.take(&piece.expect("the pieces before the gate hold all records before it").unwrap().unwrap());
            }
            assert!(!has(&inflated, "\"flight\":10,") && !has(&inflated, ",UA,10,"), "the gate holds");
            gate.open();
            while let Some(piece) = response.chunk().await.unwrap() {
                inflated.take(&piece);
            }
            assert!(has(&inflated, "\"flight\":99,") || has(&inflated, ",\"\",99,"), "{name}");
        }
    }
}

/// What arrives of a stream that fails after 30 records.
async fn broken(app: &TestApp, path: &str, encoding: &str) -> Vec<u8> {
    app.store.fail_scan_after(30, StoreError::new(StoreErrorKind::Internal, "internal words"));
    let response = app.request("GET", path).header(ACCEPT_ENCODING, encoding).send().await.unwrap();
    assert_eq!(response.status(), 200);
    broken_body(response).await
}

#[tokio::test]
async fn a_stream_that_breaks_off_does_not_pass_for_a_whole_one() {
    let app = app_with(100).await;
    for (name, end) in [("json", &b"]"[..]), ("arrow", &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), ("parquet", b"PAR1")] {
        let path = format!("{STREAM}?format={name}");
        let (whole, _) = bytes(&app, &path, &[]).await;
        assert!(whole.ends_with(end), "{name}");
        let arrived = broken(&app, &path, "identity").await;
        // The first bytes of a Parquet file are the same as the last, and more than them has not left yet.
        assert!(!arrived.ends_with(end) || arrived.len() == end.len(), "{name}");
        assert!(arrived.len() < whole.len(), "{name}");
    }
    let arrived = broken(&app, &format!("{STREAM}?format=csv"), "identity").await;
    assert!(!String::from_utf8(arrived).unwrap().contains("error"));
}

#[tokio::test]
async fn the_line_that_says_why_a_stream_breaks_is_compressed_like_the_others() {
    let app = app_with(100).await;
    for encoding in ["gzip", "zstd"] {
        let arrived = broken(&app, STREAM, encoding).await;
        let mut inflated = Inflated::new(encoding);
        inflated.take(&arrived);
        let text = std::str::from_utf8(inflated.so_far()).unwrap();
        let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[30]["$error"]["code"]), (31, &json!("internal")), "{encoding}");
    }
}

#[tokio::test]
async fn a_page_in_another_format_is_its_records_and_says_the_rest_in_headers() {
    let app = app_with(7).await;
    let (document, _) = bytes(&app, &format!("{PAGE}?limit=3&count=exact"), &[]).await;
    let document: Json = serde_json::from_slice(&document).unwrap();
    for (name, accept, content_type) in FORMATS.into_iter().filter(|format| format.0 != "json") {
        let request = app.request("GET", &format!("{PAGE}?limit=3&count=exact")).header(ACCEPT, accept);
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        assert_eq!((header("content-type"), header("x-total-count")), (content_type.to_owned(), "7".to_owned()));
        assert_eq!(header("vary"), "accept, accept-encoding");
        let link = header("link");
        let body = answer.bytes().await.unwrap();
        if name == "csv" {
            assert_eq!(std::str::from_utf8(&body).unwrap().matches("\r\n").count(), 4);
        } else {
            assert_eq!(json!(records(name, &body)), document["data"], "{name}");
        }
        let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
        let (second, _) = bytes(&app, &format!("{next}&fields=flight&format=csv"), &[]).await;
        assert_eq!(second, "flight\r\n3\r\n4\r\n5\r\n", "{name}");
    }
    let numbered = app.get(&format!("{PAGE}?page=2&size=3&fields=flight&format=csv")).await;
    assert_eq!((numbered.text.as_str(), numbered.header("x-total-count")), ("flight\r\n3\r\n4\r\n5\r\n", "7"));
    let empty = app.get(&format!("{PAGE}?flight.gt=100&fields=flight&format=csv")).await;
    assert_eq!((empty.text.as_str(), empty.header("link"), empty.header("x-total-count")), ("flight\r\n", "", ""));
}

#[tokio::test]
async fn a_large_page_is_the_same_in_every_encoding() {
    let app = app_with(1_200).await;
    for name in ["json", "ndjson", "csv", "arrow"] {
        let path = format!("{PAGE}?limit=1200&format={name}");
        let (plain, _) = bytes(&app, &path, &[]).await;
        for encoding in ["gzip", "zstd"] {
            let (body, found) = bytes(&app, &path, &[(ACCEPT_ENCODING, encoding)]).await;
            assert_eq!((found.as_str(), inflate(encoding, &body) == plain), (encoding, true), "{name}");
        }
    }
}
