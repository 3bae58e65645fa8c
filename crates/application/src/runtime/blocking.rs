//! Work that would block the event loop, run on the threads that may block.

use tracing::Span;

use crate::ports::{StoreError, StoreErrorKind};

/// Runs `work` on a blocking thread, inside the caller's span, and waits for it.
///
/// Dropping the future does not stop work that has begun.
///
/// # Errors
/// `Internal` when the work panicked, `Cancelled` when the runtime is shutting down.
#[expect(clippy::disallowed_methods, reason = "the one place where work leaves the event loop")]
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.map_err(|error| {
        let kind = if error.is_panic() { StoreErrorKind::Internal } else { StoreErrorKind::Cancelled };
        StoreError::new(kind, "a blocking task did not finish").with_source(error)
    })
}
