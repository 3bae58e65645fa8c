//! Who uses the engine, and since when, so that a change of a table can wait for those that began before it.
//!
//! The engine takes a deleted row out of the indexes of its table when the last read has ended that may still see it. If
//! the table is altered or indexed before that, the row is taken out of the wrong index, or of none: lookups then find
//! other records, or the engine stops (docs/explanation/engine-faults.md). So a change of a schema, which holds the write lock,
//! first waits until every use has ended that began before the last deletion. Later uses do no harm: whatever was
//! deleted, they do not see it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use duckdb::{Connection, InterruptHandle};
use eider_application::ports::StoreError;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// How often a read that is to end is interrupted: between two statements an interrupt has no effect.
const INTERRUPT_EVERY: Duration = Duration::from_millis(20);

/// What a connection is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Changes nothing, and may be ended for a change of a schema.
    Read,
    /// Is always waited for.
    Write,
}

/// What a change waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Everything that may see what was deleted.
    ForAll,
    /// What may still look for the indexes of its tables: not a query that has given its first rows.
    ForUnopened,
}

/// The uses of an instance that run.
#[derive(Default)]
pub struct Uses {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// The number of the next use.
    next: u64,
    running: BTreeMap<u64, Running>,
}

struct Running {
    purpose: Purpose,
    interrupt: Arc<InterruptHandle>,
    stop: watch::Sender<bool>,
    /// Whether it runs one query, which has given its first rows.
    is_opened: bool,
}

impl Running {
    fn holds(&self, waiting: Waiting) -> bool {
        waiting == Waiting::ForAll || !self.is_opened
    }
}

/// One use, from when the connection was taken until this is dropped.
pub(crate) struct Use {
    uses: Arc<Uses>,
    number: u64,
    stop: Stop,
}

/// Tells a use that it is to end, and is told how far it is.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    requested: watch::Receiver<bool>,
    uses: Arc<Uses>,
    number: u64,
}

impl Uses {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a use that begins.
    pub(crate) fn begin(self: &Arc<Self>, purpose: Purpose, connection: &Connection) -> Use {
        let (stop, stopped) = watch::channel(false);
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let interrupt = connection.interrupt_handle();
        state.running.insert(number, Running { purpose, interrupt, stop, is_opened: false });
        let stop = Stop { requested: stopped, uses: Arc::clone(self), number };
        Use { uses: Arc::clone(self), number, stop }
    }

    /// The number of the next use.
    pub fn mark(&self) -> u64 {
        self.state().next
    }

    /// Waits until every use has ended that began before a mark. After `patience` reads are stopped; writes are waited for as long
    /// again.
    ///
    /// # Errors
    /// `Unavailable` with the budget `schema_change` when some have not ended even then.
    pub async fn wait_for_those_before(
        &self,
        mark: u64,
        waiting: Waiting,
        patience: Duration,
    ) -> Result<(), StoreError> {
        if timeout(patience, self.none_before(mark, waiting)).await.is_ok() {
            return Ok(());
        }
        let stopped = async {
            while self.stop_reads_before(mark, waiting) {
                // Whether one has ended or not: there may be more.
                let _ = timeout(INTERRUPT_EVERY, self.ended.notified()).await;
            }
        };
        let late = |_| StoreError::unavailable("schema_change", "what began before the change has not ended");
        timeout(patience.max(Duration::from_secs(1)), stopped).await.map_err(late)
    }

    async fn none_before(&self, mark: u64, waiting: Waiting) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // From here on an end is not missed.
            ended.as_mut().enable();
            if !self.runs_before(mark, waiting) {
                return;
            }
            ended.await;
        }
    }

    fn runs_before(&self, mark: u64, waiting: Waiting) -> bool {
        self.state().running.range(..mark).any(|(_, running)| running.holds(waiting))
    }

    /// Whether any use runs that began before.
    fn stop_reads_before(&self, mark: u64, waiting: Waiting) -> bool {
        let state = self.state();
        let mut runs = false;
        for running in state.running.range(..mark).map(|(_, running)| running).filter(|running| running.holds(waiting))
        {
            runs = true;
            if running.purpose == Purpose::Read {
                running.stop.send_replace(true);
                // The lock is held, so the connection cannot be in other hands.
                running.interrupt.interrupt();
            }
        }
        runs
    }
}

impl Use {
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.uses.state().running.remove(&self.number);
        self.uses.ended.notify_waiters();
    }
}

impl Stop {
    /// Waits for it; for ever when the use ends by itself.
    pub(crate) async fn requested(&mut self) {
        if self.requested.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes note that the query which is all that the use is for has given its first rows: it has found its indexes.
    pub(crate) fn opened(&self) {
        if let Some(running) = self.uses.state().running.get_mut(&self.number) {
            running.is_opened = true;
        }
        self.uses.ended.notify_waiters();
    }

    /// What a read that was stopped fails with; any other failure as it is.
    pub(crate) fn explain(&self, error: StoreError) -> StoreError {
        if *self.requested.borrow() { stopped().with_source(error) } else { error }
    }
}

/// A read was ended for a change of a schema.
pub(crate) fn stopped() -> StoreError {
    StoreError::unavailable("schema_change", "the read was ended, since a schema changes that it held up")
}

impl fmt::Debug for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uses").field("running", &self.state().running.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_mins(1);

    fn uses() -> (Arc<Uses>, Connection) {
        (Arc::default(), Connection::open_in_memory().unwrap())
    }

    #[tokio::test]
    async fn only_those_that_began_before_are_waited_for() {
        let (uses, connection) = uses();
        let before = uses.begin(Purpose::Write, &connection);
        let mark = uses.mark();
        let waiting = tokio::spawn({
            let uses = Arc::clone(&uses);
            async move { uses.wait_for_those_before(mark, Waiting::ForAll, LONG).await }
        });
        tokio::task::yield_now().await;
        let _after = uses.begin(Purpose::Write, &connection);
        assert!(!waiting.is_finished());
        drop(before);
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn reads_are_stopped_when_patience_ends_and_writes_are_not() {
        let (uses, connection) = uses();
        let read = uses.begin(Purpose::Read, &connection);
        let mut stop = read.stop();
        let reading = tokio::spawn(async move {
            stop.requested().await;
            drop(read);
            stop
        });
        uses.wait_for_those_before(uses.mark(), Waiting::ForAll, SOON).await.unwrap();
        let stop = reading.await.unwrap();
        assert_eq!(stop.explain(crate::error::internal("interrupted")).budget(), Some("schema_change"));

        let write = uses.begin(Purpose::Write, &connection);
        let error = uses.wait_for_those_before(uses.mark(), Waiting::ForAll, SOON).await.unwrap_err();
        assert_eq!(error.budget(), Some("schema_change"));
        assert!(!*write.stop().requested.borrow());
    }

    #[tokio::test]
    async fn a_query_that_has_given_rows_is_waited_for_by_those_who_say_so() {
        let (uses, connection) = uses();
        let read = uses.begin(Purpose::Read, &connection);
        let mark = uses.mark();
        let waiting = tokio::spawn({
            let uses = Arc::clone(&uses);
            async move { uses.wait_for_those_before(mark, Waiting::ForUnopened, LONG).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        read.stop().opened();
        waiting.await.unwrap().unwrap();
        assert!(!*read.stop().requested.borrow());
        let ended = tokio::spawn(async move {
            read.stop().requested().await;
            drop(read);
        });
        uses.wait_for_those_before(mark, Waiting::ForAll, SOON).await.unwrap();
        ended.await.unwrap();
    }
}
