//! Checkpoints that nobody waits for.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::error::store_error;
use crate::store::Shared;
use crate::worker;

/// What has been written since the last checkpoint, and when.
#[derive(Debug, Default)]
pub(crate) struct WriteActivity {
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// When the last commit was that no checkpoint has followed.
    dirty_since: Option<Instant>,
    last_checkpoint: Option<Duration>,
}

impl WriteActivity {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a commit.
    pub(crate) fn wrote(&self) {
        self.state().dirty_since = Some(Instant::now());
    }

    /// How long the last checkpoint took.
    pub(crate) fn last_checkpoint(&self) -> Option<Duration> {
        self.state().last_checkpoint
    }

    /// Whether something was written, and nothing for so long.
    fn is_idle_for(&self, idle: Duration) -> bool {
        self.state().dirty_since.is_some_and(|since| since.elapsed() >= idle)
    }
}

/// Takes a checkpoint whenever nothing was written for a while, until the store is dropped or closed.
pub(crate) async fn run(shared: Weak<Shared>, idle: Duration) {
    let pause = (idle / 4).max(Duration::from_millis(10));
    loop {
        tokio::time::sleep(pause).await;
        let Some(shared) = shared.upgrade() else { return };
        if shared.pool.is_closed() {
            return;
        }
        if shared.activity.is_idle_for(idle)
            && let Err(error) = checkpoint(&shared).await
        {
            // A transaction may have begun meanwhile; there is a next time.
            tracing::debug!(%error, "no checkpoint now");
        }
    }
}

/// Takes a checkpoint.
pub(crate) async fn checkpoint(shared: &Arc<Shared>) -> Result<(), eider_application::StoreError> {
    let started = Instant::now();
    let before = shared.activity.state().dirty_since;
    worker::write(&shared.pool, |connection| connection.execute_batch("CHECKPOINT").map_err(store_error)).await?;
    let took = started.elapsed();
    let mut state = shared.activity.state();
    state.last_checkpoint = Some(took);
    if state.dirty_since == before {
        state.dirty_since = None;
    }
    tracing::info!(duration_ms = took.as_secs_f64() * 1e3, "store checkpoint");
    Ok(())
}
