//! Files that do not hold what they should.

use std::path::Path;

use duckdb::Connection;
use eider_store_duckdb::{Finding, StoreSettings, examine};

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
    let findings = examine(settings, scratch.path(), true).into_iter();
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
