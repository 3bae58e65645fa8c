//! Cancelling a query whose caller has gone.

use std::sync::{Arc, Mutex, PoisonError};

use duckdb::{Connection, InterruptHandle};

type Armed = Arc<Mutex<Option<Arc<InterruptHandle>>>>;

/// Held by the caller: interrupts the query when it is dropped, unless the query has ended.
pub(crate) struct CancelOnDrop(Armed);

/// Held by the query: disarms the caller's half when it is dropped, which must be before the connection goes back
/// to the pool, or its next user would be interrupted.
pub(crate) struct Disarm(Armed);

/// Makes the two halves for a query on a connection.
pub(crate) fn cancellation(connection: &Connection) -> (CancelOnDrop, Disarm) {
    let armed = Arc::new(Mutex::new(Some(connection.interrupt_handle())));
    (CancelOnDrop(Arc::clone(&armed)), Disarm(armed))
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        // The lock is held while interrupting, so that disarming waits for it.
        if let Some(handle) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            handle.interrupt();
        }
    }
}

impl Drop for Disarm {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
