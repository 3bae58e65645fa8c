//! What every store does.

use std::sync::Arc;

use eider_application::ports::Store;
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use eider_testkit::{Fixture, store_contract};

use crate::fixture::settings;

async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // Small schemas are read by ranges too, so that the cases meet them.
    let settings = StoreSettings { least_ranged_rows: 0, ..settings(directory.path()) };
    let store = Arc::new(DuckDbStore::open(settings.clone()).await.expect("the store opens"));
    let reopen = {
        let store = Arc::clone(&store);
        async move || {
            store.close().await.expect("the store closes");
            drop(store);
            Arc::new(DuckDbStore::open(settings).await.expect("the store opens again")) as Arc<dyn Store>
        }
    };
    Fixture::new(store).reopening(reopen).keeping(directory)
}

store_contract!(core, fixture);
store_contract!(keys, fixture);
store_contract!(evolution, fixture);
store_contract!(aggregations, fixture);
store_contract!(idempotency, fixture);
store_contract!(rules, fixture);
store_contract!(profile, fixture);
store_contract!(explain, fixture);
store_contract!(backup, fixture);
