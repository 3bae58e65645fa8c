//! Names of properties of all of Unicode, through every route; aliases; names that a call renames and ignores.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use eider_application::ingest::BodyFormat;
use eider_domain::{pointer_to, spelled};
use eider_testkit::strategies;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::app::{Answer, TestApp};
use crate::encodings::encoded;

/// Three names, no two of which are one.
fn names() -> impl Strategy<Value = Vec<String>> {
    vec(strategies::name(), 3).prop_filter("names are compared without regard to case", |names| {
        names.iter().map(|name| name.to_ascii_lowercase()).collect::<HashSet<_>>().len() == names.len()
    })
}

/// A path with a query string, percent-encoded.
fn address(path: &str, query: &[(&str, &str)]) -> String {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let query = query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    format!("{path}?{}", query.collect::<Vec<_>>().join("&"))
}

async fn query(app: &TestApp, path: &str, query: &[(&str, &str)]) -> Answer {
    app.get(&address(path, query)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_goes_in_and_comes_out_everywhere() {
    let app = TestApp::start();
    let config = Config { cases: 64, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let run = |names: Vec<String>| Handle::current().block_on(goes_everywhere(&app, &names));
    block_in_place(|| TestRunner::new(config).run(&names(), run)).unwrap_or_else(|failure| panic!("{failure}"));
}

async fn goes_everywhere(app: &TestApp, names: &[String]) -> TestCaseResult {
    let [text, number, double] = names else { unreachable!("there are three") };
    // A schema is told from one of its name that was deleted by the time at which it was made.
    app.clock.advance(Duration::from_secs(1));
    for schema in ["s", "t"] {
        app.delete(&format!("/api/v1/schemas/{schema}")).await;
        let definition = json!({"name": schema, "properties": [
            {"name": text, "type": "string", "is_indexed": true}, {"name": number, "type": "integer", "required": true},
            {"name": double, "type": "number"}], "unique": [{"properties": [number, double], "severity": "warning"}]});
        let created = app.post("/api/v1/schemas", &definition).await;
        prop_assert_eq!(created.status, 201, "{}", created.text);
        let shown = created.json();
        let shown = shown["properties"].as_array().unwrap().iter().map(|property| property["name"].as_str().unwrap());
        prop_assert!(shown.eq(names), "{}", created.text);
    }
    let record = |n: i64| json!({text.as_str(): format!("t{}", n % 3), number.as_str(): n, double.as_str(): 0.5});
    let records: Vec<Json> = (0..7).map(record).collect();
    let stored = app.post("/api/v1/records/s/bulk", &json!(records)).await;
    prop_assert_eq!(stored.status, 201, "{}", stored.text);

    // A projection of every name, in quotes or not, in every format and back.
    let all = names.iter().map(|name| spelled(name)).collect::<Vec<_>>().join(",");
    for format in BodyFormat::both_ways() {
        let media_type = format.media_type();
        let shown = [("fields", all.as_str()), ("sort", &spelled(number)), ("format", media_type.name)];
        let request = app.request("GET", &address("/api/v1/records/s/stream", &shown));
        let body = request.send().await.unwrap();
        prop_assert_eq!(body.status(), 200, "{:?}", format);
        let body = body.bytes().await.unwrap();
        let loaded = app.post_text("/api/v1/records/t/bulk", media_type.essence, body).await;
        prop_assert_eq!((loaded.status, &loaded.json()["created"]), (201, &json!(7)), "{:?} {}", format, loaded.text);
        let back = query(app, "/api/v1/records/t", &[("fields", &all), ("sort", &spelled(number))]).await;
        prop_assert_eq!(&back.json()["data"], &json!(records), "{:?}", format);
        let filter = format!("\"{}\".gte", number.replace('"', "\"\""));
        let removed = app.delete(&address("/api/v1/records/t", &[(&filter, "0"), ("max_affected", "7")])).await;
        prop_assert_eq!(&removed.json()["deleted"], &json!(7));
    }

    // Filters, orders and cursors.
    let filter = format!("{}.gte", spelled(number));
    let count = query(app, "/api/v1/records/s/count", &[(&filter, "3")]).await;
    prop_assert_eq!(count.json(), json!({"count": 4}), "{}", count.text);
    let order = format!("-{},{}", spelled(text), spelled(number));
    let (mut walked, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut asked = vec![("fields", all.as_str()), ("sort", &order), ("limit", "2"), (&filter, "1")];
        asked.extend(next.as_deref().map(|cursor| ("cursor", cursor)));
        let page = query(app, "/api/v1/records/s", &asked).await;
        prop_assert_eq!(page.status, 200, "{}", page.text);
        walked.extend(page.json()["data"].as_array().unwrap().iter().map(|record| record[number.as_str()].clone()));
        next = page.json()["page"]["next"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    prop_assert_eq!(json!(walked), json!([2, 5, 1, 4, 3, 6]));

    // Groups, whose columns are called after the fields.
    let body = json!({"where": {"field": number, "op": "lt", "value": 6}, "group_by": [text],
        "aggregate": [{"fn": "sum", "field": number}, {"fn": "max", "field": double, "as": number}],
        "sort": [{"field": text, "order": "desc"}]});
    let groups = app.post("/api/v1/records/s/query", &body).await;
    let expected = json!({text.as_str(): "t2", format!("sum_{number}"): 7, number.as_str(): 0.5});
    prop_assert_eq!(&groups.json()["data"][0], &expected, "{}", groups.text);

    // What says something about a name says it in full.
    let wrong = app.post("/api/v1/records/s/bulk", &json!([{number.as_str(): "x"}])).await;
    prop_assert_eq!(&wrong.json()["failures"][0]["pointer"], &json!(pointer_to("", number)), "{}", wrong.text);
    let profile = query(app, "/api/v1/schemas/s/profile", &[("fields", &all)]).await;
    prop_assert_eq!(&profile.json()["properties"][2]["name"], &json!(double), "{}", profile.text);
    let described = app.get("/openapi.json").await.json();
    let described = &described["components"]["schemas"]["s.Record"]["properties"];
    prop_assert!(names.iter().all(|name| described.get(name).is_some()), "{}", described);
    let rules = json!({"rules": [{"rule": "range", "property": number, "maximum": 4}]});
    let validation = app.post("/api/v1/schemas/s/validations", &rules).await.json();
    let issues = format!("/api/v1/schemas/s/validations/{}/issues", validation["id"].as_str().unwrap());
    let issues = query(app, &issues, &[("property", &spelled(number))]).await;
    prop_assert_eq!(issues.text.lines().count(), 2, "{} {}", validation, issues.text);

    // One record, which shares a key, and a change of names among themselves.
    let one = app.post("/api/v1/records/s", &record(3)).await;
    prop_assert_eq!(one.status, 201, "{}", one.text);
    prop_assert!(one.header("eider-warnings").ends_with("=unique_violation"), "{:?}", one.headers);
    let swap = json!({"change": {number.as_str(): {"name": text}, text.as_str(): {"name": double},
                                 double.as_str(): {"name": number}}});
    let swapped = app.send(app.request("PATCH", "/api/v1/schemas/s").json(&swap)).await;
    prop_assert_eq!(swapped.status, 200, "{}", swapped.text);
    let first = query(app, "/api/v1/records/s", &[("limit", "1"), ("fields", &all)]).await;
    let expected = json!({text.as_str(): 0, number.as_str(): 0.5, double.as_str(): "t0"});
    prop_assert_eq!(&first.json()["data"][0], &expected, "{}", first.text);
    Ok(())
}

#[tokio::test]
async fn a_name_in_a_query_string_is_quoted_where_it_could_be_misread() {
    let app = TestApp::start();
    let properties = ["a", "b", "a,b", "-a", "a.b", "5\" disk"].map(|name| json!({"name": name, "type": "integer"}));
    assert_eq!(app.post("/api/v1/schemas", &json!({"name": "s", "properties": properties})).await.status, 201);
    let records = "/api/v1/records/s";
    for (control, value) in [
        ("fields", "a,\"a,b\",b"),
        ("fields", "\"a\",-a"),
        ("sort", "-\"-a\",\"a,b\",-a"),
        ("a.b.gte", "3"),
        ("\"a.b\".gte", "3"),
        ("5\" disk.eq", "3"),
        ("\"5\"\" disk\".eq", "3"),
    ] {
        let answer = query(&app, records, &[(control, value)]).await;
        assert_eq!(answer.status, 200, "{control}={value}: {}", answer.text);
    }
    for (control, value, said) in [
        ("fields", "\"a", "a name that begins with `\"` ends with another"),
        ("fields", "\"a\"b", "a name that begins with `\"` ends with another"),
        ("\"a.eq", "3", "a name that begins with `\"` ends with another"),
        ("a;b.eq", "3", "did you mean `\"a,b\"`?"),
        ("sort", "--b", "did you mean `b`?"),
        ("limit.eq", "3", "there is no property `limit`"),
    ] {
        let answer = query(&app, records, &[(control, value)]).await;
        assert_eq!(answer.status, 400, "{control}={value}: {}", answer.text);
        assert!(answer.detail().contains(said), "{control}={value}: {}", answer.detail());
    }
    let body = json!({"sort": ["--a", {"field": "-a"}]});
    let answer = app.post(&format!("{records}/query"), &body).await;
    assert!(answer.status == 400 && answer.detail().contains("`-a` is given twice"), "{}", answer.text);
}

#[tokio::test]
async fn a_line_that_would_say_that_a_stream_broke_off_is_refused() {
    let app = TestApp::start();
    let properties = [json!({"name": "$error", "type": "integer"})];
    assert_eq!(app.post("/api/v1/schemas", &json!({"name": "s", "properties": properties})).await.status, 201);
    let stream = "/api/v1/records/s/stream";
    assert_eq!(app.get(&format!("{stream}?fields=$error")).await.problem(), (400, "invalid_parameter".to_owned()));
    for shown in ["fields=$error&format=csv", "fields=$error,id", "fields=$error&profile=framed", "$error.gte=1"] {
        assert_eq!(app.get(&format!("{stream}?{shown}")).await.status, 200, "{shown}");
    }
}

/// A schema with aliases.
async fn aliased() -> TestApp {
    let app = TestApp::start();
    let definition = json!({"name": "s", "properties": [
        {"name": "dep_time", "type": "integer", "aliases": ["Dep Time", ""]}, {"name": "note", "type": "string"},
        {"name": "source_id", "type": "string", "aliases": ["id"]}]});
    let created = app.post("/api/v1/schemas", &definition).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(created.json()["properties"][0]["aliases"], json!(["Dep Time", ""]));
    app
}

/// A body of columns that are called so: whole numbers, texts, ids, texts.
fn body_of(format: BodyFormat, names: [&str; 4]) -> Vec<u8> {
    let types = [DataType::Int64, DataType::Utf8, DataType::Utf8, DataType::Utf8];
    let fields = names.into_iter().zip(types).map(|(name, data_type)| Field::new(name, data_type, true));
    let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
    let ids: Vec<String> = (1..=3).map(|n| format!("01890a5d-ac96-774b-bcce-{n:012}")).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
        Arc::new(StringArray::from(vec!["x", "y", "z"])),
        Arc::new(StringArray::from(ids)),
        Arc::new(StringArray::from(vec![Some("a"), Some("b"), None])),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    encoded(format, &schema, &[batch])
}

#[tokio::test]
async fn names_are_renamed_and_ignored_in_every_format() {
    let app = aliased().await;
    for format in BodyFormat::both_ways() {
        let essence = format.media_type().essence;
        let names = [("rename", "\"u:id\":id"), ("ignore", "\"x\""), ("rename", "Memo:note"), ("ignore", "none")];
        let path = address("/api/v1/records/s/bulk", &[&names[..], &[("on_conflict", "replace")]].concat());
        let body = body_of(format, ["dep time", "MEMO", "u:id", "x"]);
        let receipt = app.post_text(&path, essence, body).await;
        assert_eq!(receipt.status, 201, "{format:?}: {}", receipt.text);
        let renamed = json!([{"from": "u:id", "to": "id", "records": 3}, {"from": "Memo", "to": "note", "records": 3},
                             {"from": "Dep Time", "to": "dep_time", "records": 3}]);
        assert_eq!(receipt.json()["renamed"], renamed, "{format:?}");
        let ignored = json!([{"name": "x", "records": 3}, {"name": "none", "records": 0}]);
        assert_eq!(receipt.json()["ignored_names"], ignored, "{format:?}");
        let stored = app.get("/api/v1/records/s?fields=id,dep_time,note&sort=id").await.json()["data"].clone();
        let id = |n: u8| format!("01890a5d-ac96-774b-bcce-{n:012}");
        let expected = json!([{"id": id(1), "dep_time": 1, "note": "x"}, {"id": id(2), "dep_time": null, "note": "y"},
                              {"id": id(3), "dep_time": 3, "note": "z"}]);
        assert_eq!(stored, expected, "{format:?}");
    }
    for (query, said) in [
        ("rename=a", "it takes `from:to`"),
        ("rename=a:dep_tme", "did you mean `dep_time`?"),
        ("rename=a:version", "is kept by the server"),
        ("rename=a:note&ignore=a", "the name `a` is renamed or ignored twice"),
        ("ignore=%22a", "ends with another"),
    ] {
        let refused = app.post(&format!("/api/v1/records/s/bulk?{query}"), &json!([])).await;
        assert_eq!(refused.problem(), (400, "invalid_parameter".to_owned()), "{query}");
        assert!(refused.detail().contains(said), "{query}: {}", refused.detail());
    }
}

#[tokio::test]
async fn two_names_of_a_property_are_given_twice() {
    let app = aliased().await;
    for format in BodyFormat::both_ways() {
        let essence = format.media_type().essence;
        let body = body_of(format, ["Dep Time", "note", "dep_time", "x"]);
        let refused = app.post_text("/api/v1/records/s/bulk?ignore=x", essence, body).await;
        let (status, code) = refused.problem();
        let is_by_record = (status, code.as_str()) == (422, "validation_failed")
            && refused.json()["failures"][0]["code"] == "duplicate_key";
        let is_by_column =
            (status, code.as_str()) == (400, "malformed_request") && refused.detail().contains("given twice");
        assert!(is_by_record || is_by_column, "{format:?}: {}", refused.text);
    }
    let one = app.post("/api/v1/records/s", &json!({"": 1, "DEP_TIME": 2})).await;
    assert_eq!(one.problem(), (422, "validation_failed".to_owned()));
    assert_eq!(one.json()["errors"][0]["code"], "duplicate_key");
}

#[tokio::test]
async fn an_alias_that_records_have_of_their_own_gives_way_to_the_name() {
    let app = aliased().await;
    let sent = json!([{"id": "42", "dep_time": 1}, {"dep_time": 2, "id": "43"}]);
    let receipt = app.post("/api/v1/records/s/bulk", &sent).await;
    assert_eq!(receipt.json()["renamed"], json!([{"from": "id", "to": "source_id", "records": 2}]), "{}", receipt.text);
    let stored =
        app.get("/api/v1/records/s?fields=id,dep_time,note,source_id&sort=dep_time").await.json()["data"].clone();
    assert_eq!((&stored[0]["source_id"], &stored[1]["source_id"]), (&json!("42"), &json!("43")));
    // What was read goes back in, in every format.
    for format in BodyFormat::both_ways() {
        let name = format.media_type().name;
        let shown =
            app.request("GET", &format!("/api/v1/records/s/stream?fields=id,dep_time,note,source_id&format={name}"));
        let body = shown.send().await.unwrap().bytes().await.unwrap();
        let essence = format.media_type().essence;
        let receipt = app.post_text("/api/v1/records/s/bulk?on_conflict=replace", essence, body).await;
        assert_eq!(receipt.json()["updated"], json!(2), "{format:?}: {}", receipt.text);
        assert_eq!(receipt.json().get("renamed"), None);
    }
    let again =
        app.get("/api/v1/records/s?fields=id,dep_time,note,source_id&sort=dep_time").await.json()["data"].clone();
    assert_eq!(again, stored);
    // A record that there is keeps its id.
    let id = stored[0]["id"].as_str().unwrap();
    let path = format!("/api/v1/records/s/{id}");
    let changed = app.send(app.request("PATCH", &path).json(&json!({"id": id, "Dep Time": 7}))).await;
    assert_eq!(
        (&changed.json()["dep_time"], &changed.json()["source_id"]),
        (&json!(7), &json!("42")),
        "{}",
        changed.text
    );
    let replaced = app.send(app.request("PUT", &path).json(&json!({"id": id, "note": "n"}))).await;
    assert_eq!(
        (&replaced.json()["id"], &replaced.json()["source_id"]),
        (&json!(id), &json!(null)),
        "{}",
        replaced.text
    );
}

#[tokio::test]
async fn columns_without_a_name_and_of_one_name_have_a_way_in() {
    let app = aliased().await;
    let bulk = "/api/v1/records/s/bulk";
    let refused = app.post_text(bulk, "text/csv", "note,note\nx,y\n").await;
    assert_eq!(refused.problem(), (400, "malformed_request".to_owned()));
    assert!(refused.detail().contains("this one is called `note[2]`"), "{}", refused.detail());
    let body = ",note,note,\n1,x,y,z\n";
    let receipt = app.post_text(&format!("{bulk}?ignore=note[2]&ignore=[2]"), "text/csv", body).await;
    assert_eq!(receipt.status, 201, "{}", receipt.text);
    assert_eq!(receipt.json()["renamed"], json!([{"from": "", "to": "dep_time", "records": 1}]));
    let stored = app.get("/api/v1/records/s?fields=dep_time,note").await.json()["data"].clone();
    assert_eq!(stored, json!([{"dep_time": 1, "note": "x"}]));
}

#[tokio::test]
async fn aliases_are_checked_and_changed() {
    let app = aliased().await;
    let of = |aliases: Json| {
        json!({"name": "t", "properties": [{"name": "a", "type": "string", "aliases": aliases},
                                                              {"name": "b", "type": "string", "aliases": ["B "]}]})
    };
    for (aliases, pointer, code) in [
        (json!("x"), "/properties/0/aliases", "type_mismatch"),
        (json!([1]), "/properties/0/aliases/0", "type_mismatch"),
        (json!(["x", "x"]), "/properties/0/aliases/1", "duplicate_name"),
        (json!(["b"]), "/properties/0/aliases/0", "duplicate_name"),
        (json!(["B "]), "/properties/1/aliases/0", "duplicate_name"),
        (json!(["x".repeat(4_097)]), "/properties/0/aliases/0", "too_long"),
        (json!((0..17).map(|n| n.to_string()).collect::<Vec<_>>()), "/properties/0/aliases", "wrong_count"),
    ] {
        let refused = app.post("/api/v1/schemas", &of(aliases)).await;
        assert_eq!(refused.problem(), (422, "schema_invalid".to_owned()));
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{}", refused.text);
    }
    assert_eq!(app.post("/api/v1/schemas", &of(json!(["B", "A", "\u{0}", "x".repeat(4_096)]))).await.status, 201);
    let patch = |change: Json| app.send(app.request("PATCH", "/api/v1/schemas/s").json(&change));
    let refused = patch(json!({"change": {"note": {"aliases": ["Dep Time"]}}})).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/change/note/aliases/0", "{}", refused.text);
    let changed =
        patch(json!({"change": {"note": {"name": "memo", "aliases": ["note"]}, "dep_time": {"aliases": null}}}));
    let changed = changed.await;
    assert_eq!(changed.json()["properties"][1]["aliases"], json!(["note"]), "{}", changed.text);
    assert_eq!(changed.json()["properties"][0].get("aliases"), None);
    let stored = app.post("/api/v1/records/s", &json!({"note": "x"})).await;
    assert_eq!(stored.json()["memo"], "x", "{}", stored.text);
    assert_eq!(app.post("/api/v1/records/s", &json!({"Dep Time": 1})).await.status, 422);
}

#[tokio::test]
async fn ids_are_made_of_a_property_that_every_record_has() {
    let app = TestApp::start();
    let properties = json!([{"name": "code", "type": "integer", "required": true}, {"name": "note", "type": "string"}]);
    let definition = json!({"name": "s", "properties": properties, "id_from": "CODE"});
    let created = app.post("/api/v1/schemas", &definition).await;
    assert_eq!((created.status, &created.json()["id_from"]), (201, &json!("code")), "{}", created.text);
    let id = |text: &str| {
        let namespace = uuid::Uuid::parse_str("8d3c1a52-6f0e-4c5b-9b0f-2e6a7d41c9e3").unwrap();
        uuid::Uuid::new_v5(&namespace, text.as_bytes()).to_string()
    };
    let bulk = "/api/v1/records/s/bulk";
    assert_eq!(app.post(bulk, &json!([{"code": 1}, {"code": 2}])).await.status, 201);
    let one = app.post("/api/v1/records/s", &json!({"code": 3})).await;
    assert_eq!(one.json()["id"], json!(id("3")), "{}", one.text);
    for format in BodyFormat::both_ways() {
        let shown = format!("/api/v1/records/s/stream?fields=code,note&format={}", format.media_type().name);
        let body = app.request("GET", &shown).send().await.unwrap().bytes().await.unwrap();
        let path = format!("{bulk}?on_conflict=replace");
        let receipt = app.post_text(&path, format.media_type().essence, body).await;
        assert_eq!(
            (&receipt.json()["updated"], &receipt.json()["created"]),
            (&json!(3), &json!(0)),
            "{}",
            receipt.text
        );
    }
    let repeated = app.post(bulk, &json!([{"code": 1}])).await;
    assert_eq!(repeated.json()["failures"][0]["code"], "duplicate_id", "{}", repeated.text);
    // A record keeps an id that it comes with, and the one that it has.
    let own = id("own");
    let given = app.post("/api/v1/records/s", &json!({"code": 4, "id": own})).await;
    assert_eq!(given.json()["id"], json!(own));
    let replaced = app.send(app.request("PUT", &format!("/api/v1/records/s/{own}")).json(&json!({"code": 5}))).await;
    assert_eq!((replaced.status, &replaced.json()["id"]), (200, &json!(own)), "{}", replaced.text);
    let patch = |change: Json| app.send(app.request("PATCH", "/api/v1/schemas/s").json(&change));
    for (change, pointer) in [
        (json!({"drop": ["code"]}), "/drop"),
        (json!({"change": {"code": {"required": false}}}), "/id_from"),
        (json!({"id_from": "note"}), "/id_from"),
        (json!({"id_from": "none"}), "/id_from"),
    ] {
        let refused = patch(change).await;
        assert_eq!(refused.problem(), (422, "schema_invalid".to_owned()));
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{}", refused.text);
    }
    assert_eq!(patch(json!({"change": {"code": {"name": "key"}}})).await.json()["id_from"], "key");
    assert_eq!(patch(json!({"id_from": null})).await.json().get("id_from"), None);
    let called = app.post(&format!("{bulk}?id_from=key&return=ids"), &json!([{"key": 9}])).await;
    assert_eq!(called.json()["ids"], json!([id("9")]), "{}", called.text);
    let refused = app.post(&format!("{bulk}?id_from=note"), &json!([])).await;
    assert_eq!(refused.problem(), (400, "invalid_parameter".to_owned()));
}

#[tokio::test]
async fn an_export_of_mongodb_goes_in_as_it_is_and_meets_its_records_again() {
    let app = TestApp::start();
    let line = |n: u8| {
        let name = format!("n{n}");
        json!({"_id": {"$oid": format!("5f1d7f3e8b0c2a000000{n:04x}")}, "name": name, "a.b": n, "$set": [n]})
            .to_string()
    };
    let body = (1..=20).map(line).collect::<Vec<_>>().join("\n");
    let proposal = app.post_text("/api/v1/schemas/infer?name=s", "application/x-ndjson", body.clone()).await;
    assert_eq!(proposal.json()["schema"]["id_from"], "_id", "{}", proposal.text);
    assert_eq!(app.post("/api/v1/schemas", &proposal.json()["schema"]).await.status, 201);
    for counted in ["created", "updated"] {
        let path = "/api/v1/records/s/bulk?on_conflict=replace";
        let receipt = app.post_text(path, "application/x-ndjson", body.clone()).await;
        assert_eq!(receipt.json()[counted], json!(20), "{}", receipt.text);
    }
    let asked = "/api/v1/schemas/infer?id_from=code";
    let proposal = app.post_text(asked, "text/csv", "code,n\nx,1\ny,2\n").await.json();
    assert_eq!(proposal["schema"]["id_from"], "code", "{proposal}");
    assert!(proposal["evidence"].as_array().unwrap().iter().any(|found| found["choice"] == "id_from"), "{proposal}");
    for (body, status, code) in [("n\n1\n", 400, "invalid_parameter"), ("code,n\nx,1\n,2\n", 422, "schema_invalid")] {
        let refused = app.post_text(asked, "text/csv", body).await.problem();
        assert_eq!(refused, (status, code.to_owned()), "{body}");
    }
}
