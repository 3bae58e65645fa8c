//! Stores to measure with.

use std::fmt::Write as _;
use std::sync::Arc;

use eider_application::ingest::DecodedBatch;
use eider_application::ports::{CommitOutcome, CommitTerms, RecordWriter, WriteRequest};
use eider_domain::Schema;
use eider_engine_duckdb::Relation;
use eider_engine_duckdb::connection::TableVersion;
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::{FLIGHTS, flights_document};

/// A store in a directory that goes with it.
#[derive(Debug)]
pub struct TestStore {
    /// The store.
    pub store: DuckDbStore,
    _directory: TempDir,
}

impl TestStore {
    /// A new store, whose settings may be changed first. Must be called within a runtime.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(change: impl FnOnce(&mut StoreSettings)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut settings = StoreSettings::new(directory.path().join("eider.duckdb"), directory.path().join("tmp"));
        change(&mut settings);
        Self { store: DuckDbStore::open(settings).await.expect("the store opens"), _directory: directory }
    }
}

/// What the records of a schema are read from, for statements that are written and not run.
pub fn relation(schema: Schema) -> Relation {
    Relation::new(Arc::new(schema), r#""$records"."flights""#, TableVersion::first())
}

/// The document of a schema of flights of its own name, with an index on each of these properties alone; `key` is a
/// unique number behind them.
///
/// # Panics
/// When the sample is not a schema.
pub fn flights_with(name: &str, indexed: &[&str]) -> Json {
    let mut document = flights_document();
    document["name"] = name.into();
    let properties = document["properties"].as_array_mut().expect("a schema has properties");
    properties.push(json!({"name": "key", "type": "integer", "required": true}));
    for property in properties {
        let is_indexed = property["name"].as_str().is_some_and(|name| indexed.contains(&name));
        let kind = if property["name"] == "key" { "is_unique" } else { "is_indexed" };
        property["is_indexed"] = false.into();
        property[kind] = is_indexed.into();
    }
    document
}

/// So many flights, repeated as often as it takes, for [`flights_with`]; their keys begin with `first_key`.
pub fn keyed_flights(rows: usize, first_key: u64) -> String {
    let mut lines = String::with_capacity(rows * 330);
    for (line, key) in FLIGHTS.lines().cycle().take(rows).zip(first_key..) {
        lines.push_str(line.trim_end_matches('}'));
        // Writing to a string cannot fail.
        let _ = writeln!(lines, ",\"key\":{key}}}");
    }
    lines
}

/// Appends batches and commits them.
///
/// # Panics
/// When the store refuses them.
pub async fn write(store: &DuckDbStore, schema: &Arc<Schema>, batches: Vec<DecodedBatch>) {
    let mut writer = store.begin_write(WriteRequest::new(Arc::clone(schema))).await.expect("the schema exists");
    for DecodedBatch { records, ids } in batches {
        writer.append(records, ids).await.expect("the batch fits");
    }
    let outcome = writer.commit(CommitTerms::all_or_nothing()).await.expect("the commit succeeds").outcome;
    assert!(matches!(outcome, CommitOutcome::Committed(_)));
}
