//! What every store does.

use std::sync::Arc;

use eider_store_duckdb::{DuckDbStore, StoreSettings};
use eider_testkit::{Fixture, record_store_contract};

async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let settings = StoreSettings::new(directory.path().join("eider.duckdb"), directory.path().join("tmp"));
    let store = DuckDbStore::open(settings).await.expect("the store opens");
    Fixture::new(Arc::new(store)).keeping(directory)
}

record_store_contract!(fixture);
