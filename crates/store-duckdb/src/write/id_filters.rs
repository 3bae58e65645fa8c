//! Filters over the ids of schemas, read beside the writers.

use std::sync::{Arc, Weak};
use std::time::Instant;

use eider_application::ports::StoreErrorKind;
use eider_domain::Schema;
use eider_engine_duckdb::connection::worker;
use tokio::sync::mpsc;

use crate::table::Shared;
use crate::table::identity::{self, IdFilter};

/// Reads the table of a schema, whatever its version, into a filter whenever its [stored ids](identity::StoredIds) ask for
/// one, until the schema is removed or the store is dropped. Writers go on meanwhile.
pub(crate) async fn run(shared: Weak<Shared>, first: Arc<Schema>, mut wanted: mpsc::Receiver<IdFilter>) {
    while let Some(empty) = wanted.recv().await {
        let Some(shared) = shared.upgrade() else { return };
        let Ok(schema) = shared.current(&first) else { return };
        let started = Instant::now();
        // The snapshot is taken after the filter was asked for, so what it does not show was noted since.
        let reading = Arc::clone(&schema);
        let filter = worker::read(&shared.pool, move |connection| identity::read(connection, &reading, &empty)).await;
        let name = schema.name();
        match &filter {
            Ok(filter) => tracing::info!(
                schema.name = %name,
                filter.bytes = filter.bytes(),
                duration_ms = started.elapsed().as_secs_f64() * 1e3,
                "store ids read"
            ),
            Err(error) => tracing::warn!(schema.name = %name, %error, "the ids could not be read"),
        }
        let lock = loop {
            let Ok(schema) = shared.current(&first) else { return };
            match shared.write_lock(&schema).await {
                Err(error) if matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::SchemaChanged) => {}
                lock => break lock,
            }
        };
        // Without a write lock the schema is gone.
        let Ok(mut lock) = lock else { return };
        lock.ids().complete(filter.ok());
    }
}
