//! Checkpoints, taken by the store and not by the engine: see the decision on them.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_engine_duckdb::connection::worker;
use eider_engine_duckdb::error::store_error;

use crate::file::disk::{self, log_bytes};
use crate::table::Shared;
use crate::table::flush::store_every;

/// How often the size of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Bytes that stay free on the disk after a checkpoint.
pub(crate) const SPARE_BYTES: u64 = 16 << 20;

/// Takes a checkpoint whenever nothing was written for a while or the log has grown too long, until the store is
/// dropped or closed.
pub(crate) async fn run(shared: Weak<Shared>, idle: Duration) {
    let pause = (idle / 4).clamp(Duration::from_millis(10), LOOK_EVERY);
    let mut is_told = false;
    loop {
        tokio::time::sleep(pause).await;
        let Some(shared) = shared.upgrade() else { return };
        if shared.pool.is_closed() {
            return;
        }
        let is_long = log_bytes(&shared.settings) >= shared.settings.checkpoint_threshold_bytes;
        if !shared.activity.is_idle_for(idle) && !is_long || is_held_back(&shared) {
            continue;
        }
        let mut locks = shared.every_write_lock().await;
        // So that nothing is left which somebody would have to wait for while the checkpoint runs.
        if let Err(error) = store_every(&shared, &mut locks).await {
            tracing::debug!(%error, "changes stay in the log");
        }
        // A copy may have been first.
        if is_held_back(&shared) {
            continue;
        }
        match take(&shared).await {
            Ok(()) => is_told = false,
            Err(error) if is_told => tracing::debug!(%error, "no checkpoint now"),
            Err(error) => {
                tracing::warn!(%error, log.bytes = log_bytes(&shared.settings), "no checkpoint now; trying again");
                is_told = true;
            }
        }
    }
}

/// Whether a copy has to be read to its end first.
fn is_held_back(shared: &Shared) -> bool {
    shared.copies.hold_back(log_bytes(&shared.settings), shared.settings.checkpoint_threshold_bytes)
}

/// Takes a checkpoint, for which the caller holds every write lock.
///
/// # Errors
/// `StorageFull`, before anything is tried, when the disk may not have room for it: the engine stops for good when
/// a checkpoint fails. `Conflict` when reads see what has been changed since.
pub(crate) async fn take(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let outcome = run_alone(shared).await;
    shared.activity.tried(&outcome);
    let took = outcome?;
    tracing::info!(duration_ms = took.as_secs_f64() * 1e3, "store checkpoint");
    Ok(())
}

/// How long the checkpoint took.
async fn run_alone(shared: &Arc<Shared>) -> Result<Duration, StoreError> {
    let started = Instant::now();
    let needed = log_bytes(&shared.settings).saturating_mul(2).saturating_add(SPARE_BYTES);
    let (path, copies) = (shared.settings.path.clone(), Arc::clone(&shared.copies));
    worker::write(&shared.pool, move |connection| {
        if disk::free_bytes(&path).map_err(StoreError::of_disk)? < needed {
            return Err(StoreError::new(StoreErrorKind::StorageFull, "the disk has no room for a checkpoint"));
        }
        copies.checkpoint_begins();
        connection.execute_batch("CHECKPOINT").map_err(store_error)
    })
    .await?;
    Ok(started.elapsed())
}
