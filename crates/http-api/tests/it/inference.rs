//! `POST /schemas/infer`, and that what it proposes takes what it was proposed from.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema as ArrowSchema;
use bytes::Bytes;
use eider_application::infer::InferenceOptions;
use eider_application::ingest::{BodyFormat, BulkOptions, BulkOutcome, IngestLimits, ReadOptions};
use eider_application::{RecordService, SchemaService};
use eider_domain::{RECORD_FIELD_COUNT, Schema};
use eider_http_api::HttpSettings;
use eider_testkit::{FixedClock, MemoryReports, MemoryStore, SequentialIds, created_at, strategies};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use proptest::prelude::*;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Value as Json, json};

use crate::app::TestApp;
use crate::encodings::encoded;

const INFER: &str = "/api/v1/schemas/infer";
const CSV: &str = "carrier,flight,\"dep\tdelay\",time_hour\nUA,1545,2,2013-01-01T10:00:00Z\nAA,1141,2.5,2013-01-01T10:00:00Z\n\
                   B6,725,-1,2013-01-01T10:00:00Z\n";

#[tokio::test]
async fn a_schema_is_proposed_with_the_evidence_and_can_be_created() {
    let app = TestApp::start();
    let answer = app.post_text(&format!("{INFER}?name=flights"), "text/csv", CSV).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let expected = json!({
        "schema": {"name": "flights", "properties": [
            {"name": "carrier", "type": "string", "required": true},
            {"name": "flight", "type": "integer", "required": true},
            {"name": "dep_delay", "aliases": ["dep\tdelay"], "type": "number", "required": true},
            {"name": "time_hour", "type": "datetime", "required": true}]},
        "records": 3,
        "is_whole": true,
        "options": {},
        "query": "",
        "evidence": [
            {"property": "carrier", "choice": "is_unique", "broken_by": 0, "lines": [],
             "detail": "no value comes twice; whether it is a key the records cannot tell"},
            {"property": "flight", "choice": "is_unique", "broken_by": 0, "lines": [],
             "detail": "no value comes twice; whether it is a key the records cannot tell"},
            {"property": "dep_delay", "choice": "renamed", "broken_by": 0, "lines": [], "from": "dep\tdelay",
             "detail": "a name has no control characters, this one has U+0009; the name in the source is an alias"},
            {"property": "dep_delay", "choice": "integer", "broken_by": 1, "lines": [3],
             "detail": "1 of 3 values are no `integer`, so `number` was chosen"},
            {"property": "dep_delay", "choice": "is_unique", "broken_by": 0, "lines": [],
             "detail": "no value comes twice; whether it is a key the records cannot tell"}]});
    assert_eq!(answer.json(), expected);
    assert_eq!(app.get("/api/v1/schemas").await.json(), json!({"data": []}), "nothing is created");
    assert_eq!(app.post("/api/v1/schemas", &answer.json()["schema"]).await.status, 201);
    assert_eq!(app.post_text("/api/v1/records/flights/bulk", "text/csv", CSV).await.status, 201);
}

#[tokio::test]
async fn compressed_bodies_are_read_and_no_more_than_the_sample() {
    let settings = HttpSettings { max_sample: 3, ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(CSV.as_bytes()).unwrap();
    let body = gzip.finish().unwrap();
    let post = |path: String| {
        let request = app.request("POST", &path).header(CONTENT_TYPE, "text/csv").header(CONTENT_ENCODING, "gzip");
        app.send(request.body(body.clone()))
    };
    let whole = post(INFER.to_owned()).await.json();
    assert_eq!((&whole["records"], &whole["schema"]["name"]), (&json!(3), &json!("records")));
    let first = post(format!("{INFER}?sample=1")).await.json();
    assert_eq!((&first["records"], &first["schema"]["properties"][2]["type"]), (&json!(1), &json!("integer")));
    assert_eq!(first["is_whole"], false);
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused() {
    let settings = HttpSettings { max_sample: 3, ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    let wide = json!((0..2_001).map(|n| (format!("p{n}"), json!(n))).collect::<serde_json::Map<_, _>>()).to_string();
    for (query, media_type, body, problem) in [
        ("?sample=4", "text/csv", CSV, (400, "invalid_parameter")),
        ("?sample=0", "text/csv", CSV, (400, "invalid_parameter")),
        ("?name=bulk", "text/csv", CSV, (400, "invalid_parameter")),
        ("?enums=perhaps", "text/csv", CSV, (400, "invalid_parameter")),
        ("?schema=s", "text/csv", CSV, (400, "unknown_parameter")),
        ("", "text/plain", CSV, (415, "unsupported_media_type")),
        ("", "application/json", CSV, (400, "malformed_json")),
        ("", "text/csv", "", (400, "malformed_request")),
        ("", "application/x-ndjson", "", (422, "schema_invalid")),
        // More than the limit, so that it could not be created.
        ("", "application/x-ndjson", wide.as_str(), (422, "schema_invalid")),
    ] {
        let answer = app.post_text(&format!("{INFER}{query}"), media_type, body.to_owned()).await;
        let (status, code) = answer.problem();
        assert_eq!((status, code.as_str()), problem, "{query} {media_type}");
    }
    assert_eq!(app.get(INFER).await.status, 405);
}

/// The id and the properties of records: what a client may send.
fn sendable(batch: &RecordBatch) -> RecordBatch {
    let columns: Vec<usize> = std::iter::once(0).chain(RECORD_FIELD_COUNT..batch.num_columns()).collect();
    batch.project(&columns).unwrap()
}

/// A name that data may have.
fn source_name() -> impl Strategy<Value = String> {
    let words = ["", "", "a", "A", "a[2]", "id", "ID", "created_at", "Version", "a\nb", "\0", "_id", "[2]", "sep=;"];
    prop_oneof![
        2 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => strategies::name(),
        1 => proptest::collection::vec(any::<char>(), 0..200).prop_map(String::from_iter),
    ]
}

/// Infers a schema from a body, creates it and loads the body. What the schema was, and the outcome of
/// the load.
async fn infer_and_load(format: BodyFormat, body: Vec<u8>) -> (Json, BulkOutcome) {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(FixedClock::default());
    let schemas = SchemaService::new(Arc::clone(&store) as _, Arc::clone(&clock) as _);
    let (ids, reports) = (Arc::new(SequentialIds::new()), Arc::new(MemoryReports::default()));
    let ingest = RecordService::new(store, clock, ids, reports, IngestLimits::default());
    let body = Bytes::from(body);
    let pieces = || stream::iter([Ok(body.clone())]);
    // A dialect is guessed, and names may look like one: here it is said.
    let mut reading = ReadOptions::default();
    if matches!(format, BodyFormat::Csv | BodyFormat::Tsv) {
        let said = [("header", "present"), ("skip", "0"), ("comment", "none"), ("quote", "\""), ("escape", "none")];
        let said = said.into_iter().chain([("line_end", "lf"), ("decimal", "."), ("ragged", "refuse")]);
        let delimiter = (format == BodyFormat::Csv).then_some(("delimiter", ","));
        for (option, value) in said.chain(delimiter) {
            reading.set(&format!("csv.{option}"), value).unwrap();
        }
    }
    let options = InferenceOptions { reading, ..InferenceOptions::default() };
    let proposal = ingest.infer(format, &options, pieces()).await.unwrap();
    let schema = schemas.create(proposal.schema.clone()).await.unwrap();
    let options = BulkOptions { reading: proposal.reading, ..BulkOptions::default() };
    let outcome = ingest.bulk(&schema, format, options, pieces()).await.unwrap();
    (proposal.schema, outcome)
}

#[tokio::test]
async fn a_body_in_a_dialect_goes_in_by_what_was_proposed_for_it() {
    let csv = "day,fare,paid,left_at,note,seats\n31.01.2024,\"12,50\",Y,\"Wed, 31 Jan 2024 08:15:00 +0100\", x, 4\n\
               1.2.2024,\"3,5\",N,\"Thu, 01 Feb 2024 23:59:59 +0100\",y,NA\n";
    let ndjson = "{\"a\":\"31/12/2024\",\"b\":\"N/A\"}\n{\"a\":\"01/02/2024\",\"b\":5}\n{\"a\":\"?\",\"b\":7}\n";
    for (format, body, members) in [
        (BodyFormat::Csv, csv, vec!["formats", "decimal_separator", "true_tokens", "formats", "type", "trim"]),
        (BodyFormat::Ndjson, ndjson, vec!["null_tokens", "null_tokens"]),
    ] {
        let (schema, outcome) = infer_and_load(format, body.as_bytes().to_vec()).await;
        let properties = schema["properties"].as_array().unwrap();
        for (property, member) in properties.iter().zip(members) {
            assert!(property.get(member).is_some(), "{property} {member}");
        }
        let BulkOutcome::Stored(receipt) = outcome else { panic!("{schema}: {outcome:?}") };
        assert_eq!(receipt.created, body.trim_end().lines().count() as u64 - u64::from(format == BodyFormat::Csv));
    }
}

#[tokio::test]
async fn a_name_in_front_that_another_format_begins_with_is_a_name() {
    for body in ["\"\0a\0\"\nx\n", "ORCID,year\nx,1\n", "PAR1,PAR2\n1,2\n", "BZh9,b\n1,2\n"] {
        let (schema, outcome) = infer_and_load(BodyFormat::Csv, body.as_bytes().to_vec()).await;
        let BulkOutcome::Stored(receipt) = outcome else { panic!("{schema}: {outcome:?}") };
        assert_eq!(receipt.created, 1, "{body:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the columns are called: as no property can be, as others are, or not at all.
    #[test]
    fn what_is_proposed_takes_the_names_of_the_sample(
        batch in strategies::definition().prop_flat_map(|definition| {
            strategies::records(Arc::new(Schema::new(definition, 1, created_at())), 1..5)
        }),
        names in proptest::collection::vec(source_name(), 9),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let properties: Vec<usize> = (RECORD_FIELD_COUNT..batch.num_columns()).collect();
        let sent = batch.project(&properties).unwrap();
        let columns = sent.schema();
        let fields = columns.fields().iter().zip(&names).map(|(field, name)| field.as_ref().clone().with_name(name));
        let renamed = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
        let sent = RecordBatch::try_new(renamed, sent.columns().to_vec()).unwrap();
        let distinct: HashSet<&String> = names[..sent.num_columns()].iter().collect();
        for format in BodyFormat::both_ways() {
            // An object has no key twice.
            if matches!(format, BodyFormat::Ndjson | BodyFormat::JsonArray) && distinct.len() < sent.num_columns() {
                continue;
            }
            // Of one column of texts, null is an empty line, which is no record.
            let is_delimited = matches!(format, BodyFormat::Csv | BodyFormat::Tsv);
            if is_delimited && sent.num_columns() == 1 && sent.column(0).null_count() > 0 {
                continue;
            }
            let body = encoded(format, &sent.schema(), std::slice::from_ref(&sent));
            let (schema, outcome) = runtime.block_on(infer_and_load(format, body));
            let BulkOutcome::Stored(receipt) = outcome else {
                return Err(TestCaseError::fail(format!("{format:?} {schema}: {outcome:?}")));
            };
            // In CSV a row without a value is taken for what is left of a sheet, where others have one, and is passed over;
            // the evidence says so.
            let empty = (0..sent.num_rows()).filter(|row| sent.columns().iter().all(|column| column.is_null(*row))).count();
            let passed_over = if is_delimited && empty < sent.num_rows() { empty } else { 0 };
            prop_assert_eq!(receipt.created, (sent.num_rows() - passed_over) as u64, "{:?}", format);
        }
    }

    #[test]
    fn what_is_proposed_takes_every_record_of_the_sample(
        batch in strategies::definition().prop_flat_map(|definition| {
            strategies::records(Arc::new(Schema::new(definition, 1, created_at())), 1..12)
        }),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sent = sendable(&batch);
        for format in BodyFormat::both_ways() {
            let body = encoded(format, &sent.schema(), std::slice::from_ref(&sent));
            let (schema, outcome) = runtime.block_on(infer_and_load(format, body));
            let BulkOutcome::Stored(receipt) = outcome else {
                return Err(TestCaseError::fail(format!("{format:?} {schema}: {outcome:?}")));
            };
            prop_assert_eq!(receipt.created, sent.num_rows() as u64, "{:?}", format);
        }
    }
}
