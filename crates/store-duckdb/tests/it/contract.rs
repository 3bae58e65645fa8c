//! What every store does.

use std::sync::Arc;

use eider_store_duckdb::DuckDbStore;
use eider_testkit::{Fixture, record_store_contract};

use crate::fixture::settings;

async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = DuckDbStore::open(settings(directory.path())).await.expect("the store opens");
    Fixture::new(Arc::new(store)).keeping(directory)
}

record_store_contract!(fixture);
