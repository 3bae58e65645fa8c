//! What is exported goes back in, in every format, into the same schema and into one made of the export.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use eider_application::ingest::BodyFormat;
use eider_application::ports::{CommitTerms, IdOrigin, RecordWriter, SchemaCatalog, WriteRequest};
use eider_domain::{DataType, DialectOption, Schema, SchemaDefinition, SchemaName, Timestamp};
use eider_testkit::strategies;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::app::{Answer, TestApp};

/// A member of a property with which texts that Eider writes are read as something else, or not at all.
fn hostile(option: DialectOption, data_type: DataType) -> Option<Json> {
    Some(match option {
        DialectOption::TimeZone => json!("America/New_York"),
        DialectOption::Formats => match data_type {
            DataType::Date => json!(["%Y-%d-%m", "%d.%m.%Y"]),
            DataType::Time => json!(["%H.%M"]),
            _ => json!(["%d/%m/%Y %H:%M"]),
        },
        DialectOption::NullTokens if data_type == DataType::Boolean => json!(["-"]),
        DialectOption::NullTokens => json!(["", "a", "0", "1", "-1", "1.5", "true", "00:00:00.000000", "1970-01-01"]),
        DialectOption::TrueTokens => json!(["ja"]),
        DialectOption::FalseTokens => json!(["nein"]),
        DialectOption::DecimalSeparator => json!(","),
        DialectOption::Trim | DialectOption::Stringify => json!(true),
        DialectOption::Truncate | DialectOption::Ambiguous => return None,
    })
}

/// A definition some of whose properties say that values are written otherwise than exports have them.
fn document() -> impl Strategy<Value = Json> {
    (strategies::definition(), any::<[bool; 8]>()).prop_map(|(definition, is_hostile)| {
        let mut document = definition.to_json();
        let properties = document["properties"].as_array_mut().expect("a definition has properties");
        for ((property, described), is_hostile) in definition.properties().iter().zip(properties).zip(is_hostile) {
            for option in DialectOption::ALL.iter().filter(|option| is_hostile && option.applies_to(property.data_type))
            {
                if let Some(value) = hostile(*option, property.data_type) {
                    described[option.name()] = value;
                }
            }
        }
        document
    })
}

/// A definition, records of it, and the formats in some order.
fn case() -> impl Strategy<Value = (Json, RecordBatch, Vec<BodyFormat>)> {
    let formats: Vec<BodyFormat> = BodyFormat::both_ways().collect();
    (document(), Just(formats).prop_shuffle()).prop_flat_map(|(document, formats)| {
        let definition = SchemaDefinition::parse(&document).expect("the definition is valid");
        let schema = Arc::new(Schema::new(definition, 1, Timestamp::from_micros(0)));
        (Just(document), strategies::records(schema, 1..8), Just(formats))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_goes_back_from_format_to_format() {
    let app = TestApp::start();
    let config = Config { cases: 96, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let run = |(document, records, formats)| Handle::current().block_on(goes_round(&app, document, records, formats));
    block_in_place(|| {
        if let Err(failure) = TestRunner::new(config).run(&case(), run) {
            panic!("{failure}");
        }
    });
}

/// From a schema that is given its records directly, into one made for each format, each filled from the one before.
async fn goes_round(
    app: &TestApp,
    mut document: Json,
    records: RecordBatch,
    formats: Vec<BodyFormat>,
) -> TestCaseResult {
    app.clock.advance(Duration::from_secs(1));
    for number in 0..=formats.len() {
        app.delete(&format!("/api/v1/schemas/s{number}")).await;
    }
    document["name"] = "s0".into();
    let created = app.post("/api/v1/schemas", &document).await;
    prop_assert_eq!(created.status, 201, "{}", created.text);
    store(app, records).await;
    let described = what_it_is(app, "s0").await;
    let expected = export(app, "s0", "ndjson").await;
    for (number, format) in formats.into_iter().enumerate() {
        let (from, to) = (format!("s{number}"), format!("s{}", number + 1));
        let media_type = format.media_type();
        let body = export(app, &from, media_type.name).await;
        let mut query = "values=canonical".to_owned();
        document["name"] = to.as_str().into();
        if matches!(format, BodyFormat::ArrowStream | BodyFormat::Parquet) {
            let path = format!("/api/v1/schemas/infer?name={to}");
            let proposal = app.post_text(&path, media_type.essence, body.clone()).await;
            prop_assert_eq!(proposal.status, 200, "{:?}: {}", format, proposal.text);
            document = proposal.json()["schema"].clone();
            proposal.json()["query"].as_str().unwrap_or_default().clone_into(&mut query);
        }
        let made = app.post("/api/v1/schemas", &document).await;
        prop_assert_eq!(made.status, 201, "{}", made.text);
        prop_assert_eq!(&what_it_is(app, &to).await, &described, "{:?}", format);
        let path = format!("/api/v1/records/{to}/bulk?read_only=keep&{query}");
        let loaded = app.post_text(&path, media_type.essence, body).await;
        prop_assert_eq!(loaded.status, 201, "{:?} into {}: {}", format, document, loaded.text);
        let back = export(app, &to, "ndjson").await;
        prop_assert_eq!(String::from_utf8_lossy(&back), String::from_utf8_lossy(&expected), "{:?}", format);
    }
    Ok(())
}

/// Stores records as they are, but for those whose keys are taken.
async fn store(app: &TestApp, records: RecordBatch) {
    let schema = app.store.get(&SchemaName::parse("s0").unwrap()).await.unwrap();
    let mut writer = app.store.begin_write(WriteRequest::new(schema)).await.unwrap();
    writer.append(records, IdOrigin::Client).await.unwrap();
    writer.commit(CommitTerms { max_refused: u64::MAX, answer: None }).await.unwrap();
}

/// All that the author of a schema says, but for its name.
async fn what_it_is(app: &TestApp, schema: &str) -> Json {
    let mut described = app.get(&format!("/api/v1/schemas/{schema}")).await.json();
    let members = described.as_object_mut().unwrap();
    members.retain(|member, _| ["description", "properties", "unique", "id_from"].contains(&member.as_str()));
    described
}

async fn export(app: &TestApp, schema: &str, format: &str) -> Vec<u8> {
    let request = app.request("GET", &format!("/api/v1/records/{schema}/stream?format={format}"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{format}");
    response.bytes().await.unwrap().to_vec()
}

const ID: &str = "019a0000-0000-7000-8000-00000000000a";

async fn keep(app: &TestApp, query: &str, records: Json) -> Answer {
    app.post(&format!("/api/v1/records/flights/bulk?read_only=keep{query}"), &records).await
}

async fn record(app: &TestApp) -> Json {
    app.get(&format!("/api/v1/records/flights/{ID}")).await.json()
}

#[tokio::test]
async fn a_new_record_keeps_what_it_says_and_gets_the_rest() {
    let app = TestApp::with_flights().await;
    let given = json!({"id": ID, "created_at": "2013-01-01T10:00:00.000000Z", "version": 7, "carrier": "UA",
                       "updated_at": null});
    assert_eq!(keep(&app, "", json!([given])).await.status, 201);
    let stored = record(&app).await;
    assert_eq!((&stored["created_at"], &stored["version"]), (&given["created_at"], &given["version"]));
    assert_ne!(stored["updated_at"], Json::Null, "the server says when");
    // What was kept counts on from there.
    let path = format!("/api/v1/records/flights/{ID}");
    let changed = app.send(app.request("PATCH", &path).json(&json!({"flight": 1}))).await.json();
    assert_eq!((&changed["created_at"], &changed["version"]), (&given["created_at"], &json!(8)));
    // Filters find it by what it kept.
    let before = app.get("/api/v1/records/flights/count?created_at.lt=2014-01-01T00:00:00Z&version.eq=8").await;
    assert_eq!(before.json(), json!({"count": 1}));
}

#[tokio::test]
async fn a_record_that_there_is_stays_what_it_was() {
    let app = TestApp::with_flights().await;
    assert_eq!(keep(&app, "", json!([{"id": ID, "carrier": "UA", "version": 3}])).await.status, 201);
    let stored = record(&app).await;
    let again = json!([{"id": ID, "carrier": "AA", "version": 9, "created_at": "2013-01-01T10:00:00Z"}]);
    let refused = keep(&app, "", again.clone()).await;
    assert_eq!((refused.status, &refused.json()["failures"][0]["code"]), (422, &json!("duplicate_id")));
    let ignored = keep(&app, "&on_conflict=ignore", again.clone()).await;
    assert_eq!((ignored.status, &ignored.json()["ignored"]), (201, &json!(1)), "{}", ignored.text);
    let replaced = keep(&app, "&on_conflict=replace", again).await;
    assert_eq!(replaced.problem(), (400, "invalid_parameter".to_owned()));
    assert_eq!(record(&app).await, stored);
}

#[tokio::test]
async fn what_a_record_keeps_is_checked_as_any_value() {
    let app = TestApp::with_flights().await;
    for (field, value, code) in [
        ("version", json!(0), "below_minimum"),
        ("version", json!(-1), "below_minimum"),
        ("version", json!(9_007_199_254_740_993_u64), "above_maximum"),
        ("version", json!(1.5), "type_mismatch"),
        ("version", json!("1"), "type_mismatch"),
        ("created_at", json!("2013-01-01"), "invalid_value"),
        ("created_at", json!("10000-01-01T00:00:00Z"), "invalid_value"),
        ("updated_at", json!(7), "type_mismatch"),
    ] {
        let answer = keep(&app, "", json!([{"carrier": "UA", field: value}])).await;
        let failure = &answer.json()["failures"][0];
        assert_eq!((answer.status, &failure["pointer"]), (422, &json!(format!("/{field}"))), "{}", answer.text);
        assert_eq!(failure["code"], code, "{field} {value}");
    }
    let twice = r#"[{"carrier": "UA", "version": 1, "version": 2}]"#;
    let answer = app.post_text("/api/v1/records/flights/bulk?read_only=keep", "application/json", twice).await;
    assert_eq!(answer.json()["failures"][0]["code"], "duplicate_key", "{}", answer.text);
    assert_eq!(app.count().await, 0);
}

/// An alias that is called as a field of every record stands for its property where the property does not come itself.
#[tokio::test]
async fn an_alias_that_is_called_as_a_field_gives_way_to_it_in_an_export() {
    let app = TestApp::start();
    let definition = json!({"name": "flights", "properties": [
        {"name": "carrier", "type": "string"},
        {"name": "source_version", "type": "integer", "aliases": ["version"]}]});
    assert_eq!(app.post("/api/v1/schemas", &definition).await.status, 201);
    let exported = json!([{"id": ID, "version": 4, "carrier": "UA", "source_version": 77}]);
    assert_eq!(keep(&app, "", exported).await.status, 201);
    let stored = record(&app).await;
    assert_eq!((&stored["version"], &stored["source_version"]), (&json!(4), &json!(77)));
    let csv = format!("id,source_version,version,carrier\n{},5,6,AA\n", ID.replace('a', "b"));
    let path = "/api/v1/records/flights/bulk?read_only=keep";
    assert_eq!(app.post_text(path, "text/csv", csv).await.status, 201);
    let page = app.get("/api/v1/records/flights?version.eq=6&source_version.eq=5").await;
    assert_eq!(page.json()["data"].as_array().unwrap().len(), 1, "{}", page.text);
}
