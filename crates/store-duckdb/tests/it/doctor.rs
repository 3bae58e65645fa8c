//! Files that do not hold what they should.

use std::path::Path;
use std::time::Duration;

use eider_application::ports::{
    Access, Change, Explainer, IdOrigin, ReadRequest, RecordWriter, ScanRequest, SchemaCatalog,
};
use eider_domain::{RecordQuery, SchemaName};
use eider_engine_duckdb::Connection;
use eider_store_duckdb::{DuckDbStore, Finding, StoreSettings, Thoroughness, examine};
use eider_testkit::condition;
use serde_json::json;

use crate::fixture::{numbers_store, settings, write_numbers};

/// A closed store with a hundred records.
async fn closed_store(directory: &Path) -> StoreSettings {
    let settings = settings(directory);
    let (store, schema) = numbers_store(settings.clone()).await;
    write_numbers(&store, &schema, 0..100, 10).await;
    store.close().await.unwrap();
    settings
}

/// Changes the file behind the store's back.
fn tamper(settings: &StoreSettings, statements: &str) {
    Connection::open(&settings.path).unwrap().execute_batch(statements).unwrap();
}

/// The checks that find something wrong, with what they say.
fn problems(settings: &StoreSettings) -> Vec<(&'static str, String)> {
    let scratch = tempfile::tempdir().unwrap();
    let findings = examine(settings, scratch.path(), Thoroughness::FULL).into_iter();
    findings.filter(|finding| !finding.is_ok).map(|Finding { check, detail, .. }| (check, detail)).collect()
}

#[tokio::test]
async fn every_kind_of_disorder_is_found() {
    for (statements, check, part) in [
        ("DROP TABLE \"$records\".numbers", "table", "there is no table"),
        ("CREATE TABLE \"$records\".other (a INTEGER)", "catalog", "belongs to no schema"),
        ("UPDATE \"$catalog\".format SET version = 99", "catalog", "format 99"),
        ("UPDATE \"$records\".numbers SET n = 77 WHERE m = 0", "index", "it does not lead to 1 of"),
        ("UPDATE \"$records\".numbers SET id = uuid() WHERE m = 0", "index", "it does not lead to 1 of"),
        ("UPDATE \"$records\".numbers SET version = 0 WHERE m = 0", "versions", "1 records"),
        ("UPDATE \"$records\".numbers SET \"$sequence\" = 7 WHERE m = 0", "sequence", "1 records"),
        ("INSERT INTO \"$records\".numbers SELECT * FROM \"$records\".numbers WHERE m = 0", "ids", "1 values"),
        ("ALTER TABLE \"$records\".numbers ADD COLUMN b INTEGER", "table", "more columns"),
        ("ALTER TABLE \"$records\".numbers ALTER m TYPE VARCHAR", "table", "`m`"),
        ("UPDATE \"$catalog\".schemas SET definition = '{'", "catalog", "cannot be read"),
        ("DROP SCHEMA \"$catalog\" CASCADE", "catalog", "another program"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let settings = closed_store(directory.path()).await;
        assert_eq!(problems(&settings), []);
        tamper(&settings, statements);
        let found = problems(&settings);
        assert!(
            found.iter().any(|(found, detail)| *found == check && detail.contains(part)),
            "{statements}: {found:?}"
        );
    }
}

/// Values that releases before have stored, which no check of theirs refused, and good ones beside them.
#[tokio::test]
async fn nested_values_that_are_stored_wrongly_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let store = DuckDbStore::open(settings.clone()).await.unwrap();
    let definition = json!({"name": "events", "properties": [
        {"name": "o", "type": "object"}, {"name": "a", "type": "array"}, {"name": "s", "type": "string"}]});
    store.create(eider_testkit::schema(definition)).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let wrong = [
        (r#"{"a":{"b":"\ud800"}}"#, "/a/b: an escape stands for half"),
        (r#"{"\udc00x":1}"#, ": an escape stands for half"),
        (r#"{"n":[1,1e400]}"#, "/n/1: the number is beyond"),
        (r#"{"a":1,"b":{"c":1,"c":2}}"#, "/b/c: the key `c` is given twice"),
        (r#"{"a":1,"\u0061":2}"#, "/a: the key `a` is given twice"),
        ("[1]", ": it is no object"),
        ("{", ": it is no JSON"),
    ];
    let good = ["{}", r#"{"a":"\ud83d\ude00","b":[1e308,-0.0,{"c":null}],"":1}"#, r#"{"\\ud800":1}"#];
    let mut row = 0;
    let mut insert = |object: Option<&str>, array: Option<&str>| {
        row += 1;
        let text =
            |value: Option<&str>| value.map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")));
        format!(
            "INSERT INTO \"$records\".events VALUES ({row}, '00000000-0000-7000-8000-{row:012}', now()::TIMESTAMP, \
             now()::TIMESTAMP, 1, {}, {}, '\\ud800');",
            text(object),
            text(array)
        )
    };
    let fill: String = good.iter().map(|value| insert(Some(value), Some(&deep(128)))).collect();
    tamper(&settings, &fill);
    assert_eq!(problems(&settings), []);
    for (value, _) in wrong {
        tamper(&settings, &insert(Some(value), None));
    }
    tamper(&settings, &insert(None, Some(&deep(129))));
    let found = problems(&settings);
    let [("nested", objects), ("nested", arrays)] = &found[..] else { panic!("{found:?}") };
    assert!(objects.starts_with("7 of 10 values"), "{objects}");
    for (row, (_, said)) in (4..).zip(wrong).take(5) {
        assert!(objects.contains(&format!("00000000-0000-7000-8000-{row:012}{said}")), "{said}: {objects}");
    }
    assert!(arrays.starts_with("1 of 4 values") && arrays.contains("nested 128 deep at most"), "{arrays}");
    let scratch = tempfile::tempdir().unwrap();
    let deeper = Thoroughness { json_depth: 129, ..Thoroughness::QUICK };
    let findings = examine(&settings, scratch.path(), deeper);
    assert_eq!(findings.iter().filter(|finding| !finding.is_ok).count(), 1);
}

/// And what is found is made anew by the next start.
#[tokio::test]
async fn an_index_that_does_not_lead_to_a_record_is_found_in_every_type() {
    for (mut property, value, other) in [
        (json!({"name": "k", "type": "integer"}), json!(5), "-6"),
        (json!({"name": "k", "type": "number"}), json!(0.5), "0"),
        (json!({"name": "k", "type": "decimal", "precision": 10, "scale": 2}), json!("0.50"), "0.51"),
        (json!({"name": "k", "type": "boolean"}), json!(true), "false"),
        (json!({"name": "k", "type": "date"}), json!("2026-01-01"), "DATE '2026-01-02'"),
        (json!({"name": "k", "type": "datetime"}), json!("2026-01-01T00:00:00Z"), "TIMESTAMP '2026-01-01 00:00:01'"),
        (json!({"name": "k", "type": "time"}), json!("01:00:00"), "TIME '01:00:01'"),
        (json!({"name": "k", "type": "uuid"}), json!("019c1392-fda0-7fff-8000-000000000001"), "uuid()"),
        (json!({"name": "k", "type": "string"}), json!("x".repeat(200)), "repeat('x', 199) || 'y'"),
        (json!({"name": "k", "type": "string"}), json!("x"), "NULL"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        property["is_indexed"] = json!(true);
        let store = DuckDbStore::open(settings.clone()).await.unwrap();
        let schema = store.create(eider_testkit::schema(json!({"name": "t", "properties": [property]}))).await.unwrap();
        for _ in 0..3 {
            let record = eider_testkit::batch(&schema, json!([{"k": value}]));
            let change = Change::Create { record, ids: IdOrigin::Generated, answer: None };
            store.change(&schema, change).await.unwrap();
        }
        store.close().await.unwrap();
        drop((store, schema));
        assert_eq!(problems(&settings), [], "{value}");
        tamper(&settings, &format!("UPDATE \"$records\".t SET k = {other} WHERE \"$sequence\" = 2"));
        let found = problems(&settings);
        assert_eq!(found, [("index", "it does not lead to 1 of 3 records".to_owned())], "{value}");
        let store = DuckDbStore::open(settings.clone()).await.unwrap();
        let schema = store.get(&SchemaName::parse("t").unwrap()).await.unwrap();
        let filter = condition(&schema, "k", "eq", value.clone());
        let request = ScanRequest::new(RecordQuery { filter, ..RecordQuery::everything(&schema) });
        let explained = async || {
            let plan = store.explain(&schema, &ReadRequest::Scan(request.clone())).await.unwrap();
            matches!(plan.access, Access::Index { .. })
        };
        let made = async {
            while !explained().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), made).await.expect("the index is made anew");
        store.close().await.unwrap();
        drop(store);
        assert_eq!(problems(&settings), [], "{value}");
    }
}
