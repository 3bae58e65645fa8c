//! Files that do not hold what they should.

use std::path::Path;

use eider_application::ports::SchemaCatalog;
use eider_engine_duckdb::Connection;
use eider_store_duckdb::{DuckDbStore, Finding, StoreSettings, Thoroughness, examine};

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
        ("DROP INDEX \"$records\".\"numbers$n\"", "index", "no such index"),
        ("UPDATE \"$records\".numbers SET version = 0 WHERE m = 0", "versions", "1 records"),
        ("UPDATE \"$records\".numbers SET \"$sequence\" = 7 WHERE m = 0", "sequence", "1 records"),
        ("INSERT INTO \"$records\".numbers SELECT * FROM \"$records\".numbers WHERE m = 0", "ids", "1 values"),
        ("ALTER TABLE \"$records\".numbers ADD COLUMN b INTEGER", "table", "more columns"),
        (
            "DROP INDEX \"$records\".\"numbers$n\"; ALTER TABLE \"$records\".numbers ALTER m TYPE VARCHAR",
            "table",
            "`m`",
        ),
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

/// What the engine makes of an index that is made beside an older read: keys that were deleted find other records.
#[tokio::test]
async fn an_index_with_deleted_records_is_found_in_every_type() {
    for (data_type, value) in [
        ("BIGINT", "i"),
        ("DOUBLE", "i::DOUBLE"),
        ("DECIMAL(10,2)", "(i / 100.0)::DECIMAL(10,2)"),
        ("DATE", "DATE '2026-01-01' + i::INTEGER"),
        ("TIMESTAMP", "make_timestamp(i)"),
        ("TIME", "make_time(0, 0, 0) + to_microseconds(i)"),
        ("VARCHAR", "repeat('~', i::INTEGER)"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let schema_type = match data_type {
            "BIGINT" => json!({"name": "k", "type": "integer"}),
            "DOUBLE" => json!({"name": "k", "type": "number"}),
            "DECIMAL(10,2)" => json!({"name": "k", "type": "decimal", "precision": 10, "scale": 2}),
            "DATE" => json!({"name": "k", "type": "date"}),
            "TIMESTAMP" => json!({"name": "k", "type": "datetime"}),
            "TIME" => json!({"name": "k", "type": "time"}),
            _ => json!({"name": "k", "type": "string"}),
        };
        let mut property = schema_type;
        property["is_indexed"] = json!(true);
        let store = DuckDbStore::open(settings.clone()).await.unwrap();
        store.create(eider_testkit::schema(json!({"name": "t", "properties": [property]}))).await.unwrap();
        store.close().await.unwrap();
        drop(store);
        let fill = format!(
            "INSERT INTO \"$records\".t SELECT i + 1, uuid(), now()::TIMESTAMP, now()::TIMESTAMP, 1, {value} FROM range(600) r(i)"
        );
        tamper(&settings, &fill);
        assert_eq!(problems(&settings), [], "{data_type}");
        {
            let writer = Connection::open(&settings.path).unwrap();
            let reader = writer.try_clone().unwrap();
            writer.execute_batch("DROP INDEX \"$records\".\"t$k\"; CHECKPOINT").unwrap();
            reader.execute_batch("BEGIN; SELECT count(*) FROM \"$catalog\".schemas").unwrap();
            writer
                .execute_batch(
                    "DELETE FROM \"$records\".t WHERE (\"$sequence\" - 1) % 3 = 0; \
                     CREATE INDEX \"t$k\" ON \"$records\".t (k)",
                )
                .unwrap();
            reader.execute_batch("ROLLBACK").unwrap();
            let last = "INSERT INTO \"$records\".t SELECT 1000, uuid(), now()::TIMESTAMP, now()::TIMESTAMP, 1, NULL";
            writer.execute_batch(last).unwrap();
            writer.execute_batch("CHECKPOINT").unwrap();
        }
        let found = problems(&settings);
        assert!(
            matches!(&found[..], [("index", detail)] if detail.contains(" near them that no record has are found")),
            "{data_type}: {found:?}"
        );
        assert!(!found[0].1.contains("and 0 of"), "{data_type}: {found:?}");
    }
}
