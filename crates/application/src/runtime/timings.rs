//! Where the time of a request goes: stages whose times add up while its task runs.

use std::cell::Cell;
use std::time::{Duration, Instant};

tokio::task_local! {
    static TIMINGS: Cell<Timings>;
}

/// How long a request spent in its stages. What it waited for or did elsewhere is in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Waiting for a connection to the engine.
    pub pool: Duration,
    /// In the store, without the wait for a connection. Work that requests share counts for each that waits for it.
    pub store: Duration,
    /// Encoding and compressing records.
    pub encode: Duration,
}

impl Timings {
    /// All stages together.
    pub fn total(&self) -> Duration {
        self.pool + self.store + self.encode
    }
}

/// A part of the work for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for a connection to the engine; happens within [`Stage::Store`].
    Pool,
    /// A call of the store.
    Store,
    /// Encoding and compressing records.
    Encode,
}

/// Runs the work for a request, with what its stages took.
pub async fn measured<F: Future>(work: F) -> (F::Output, Timings) {
    let measured = async {
        let outcome = work.await;
        let timings = TIMINGS.with(Cell::get);
        (outcome, Timings { store: timings.store.saturating_sub(timings.pool), ..timings })
    };
    TIMINGS.scope(Cell::default(), measured).await
}

/// Runs a stage. Its time is lost outside of [`measured`], and when it is dropped before its end.
pub async fn timed<F: Future>(stage: Stage, work: F) -> F::Output {
    let started = Instant::now();
    let outcome = work.await;
    add(stage, started.elapsed());
    outcome
}

/// Adds to the time of a stage; outside of [`measured`] to none.
pub fn add(stage: Stage, took: Duration) {
    let add = |timings: &Cell<Timings>| {
        let mut sum = timings.get();
        match stage {
            Stage::Pool => sum.pool += took,
            Stage::Store => sum.store += took,
            Stage::Encode => sum.encode += took,
        }
        timings.set(sum);
    };
    // Work that is nobody's alone has no request.
    let _ = TIMINGS.try_with(add);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stages_add_up_and_the_wait_for_a_connection_is_no_time_of_the_store() {
        let millis = Duration::from_millis;
        let one = async {
            timed(Stage::Store, async { add(Stage::Pool, millis(3)) }).await;
            add(Stage::Store, millis(8));
            tokio::task::yield_now().await;
            add(Stage::Encode, millis(2));
        };
        let other = async { add(Stage::Store, millis(100)) };
        let (((), one), ((), other)) = tokio::join!(measured(one), measured(other));
        assert_eq!((one.pool, one.encode), (millis(3), millis(2)));
        assert!(one.store >= millis(5) && one.store < millis(8), "{one:?}");
        assert_eq!(other.total(), millis(100));
        add(Stage::Store, millis(1));
    }
}
