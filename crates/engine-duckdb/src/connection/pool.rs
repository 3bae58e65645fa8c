//! A managed pool of connections, all cloned from one instance.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use deadpool::{Runtime, managed::TimeoutType};
use duckdb::Connection;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_application::runtime::blocking;
use eider_application::runtime::recorder::{Recorder, SECONDS};
use eider_application::runtime::timings::{Stage, timed};
use tokio::sync::watch;

use crate::connection::instance;
use crate::connection::settings::PoolSettings;
use crate::connection::statistics::ConnectionStatistics;
use crate::connection::uses::{Purpose, Stop, Use, Uses};
use crate::error::{ENGINE_STOPPED, internal, store_error};

/// Connections to one instance. Its clones are the same pool.
#[derive(Debug, Clone)]
pub struct Pool(managed::Pool<ConnectionSource>);

/// A connection that is in use.
pub(crate) struct PooledConnection {
    // Ends before the connection goes back, so that it is never interrupted in other hands.
    of_use: Use,
    object: Object<ConnectionSource>,
}

impl PooledConnection {
    /// Tells whether the use is to end.
    pub(crate) fn stop(&self) -> Stop {
        self.of_use.stop()
    }
}

impl Deref for PooledConnection {
    type Target = EngineConnection;

    fn deref(&self) -> &EngineConnection {
        &self.object
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut EngineConnection {
        &mut self.object
    }
}

/// A connection and whether the last use of it ended as it should.
pub(crate) struct EngineConnection {
    /// Locked by its one user; shared so that it can be tried on another thread.
    connection: Arc<Mutex<Connection>>,
    /// Set while the connection is in use: a panic leaves it set, and the connection is then thrown away.
    pub(crate) is_tainted: bool,
}

impl EngineConnection {
    /// The connection, which nobody else uses.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for EngineConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConnection").field("is_tainted", &self.is_tainted).finish_non_exhaustive()
    }
}

/// Clones connections from the instance and looks after those that come back.
#[derive(Debug)]
struct ConnectionSource {
    instance: Arc<Mutex<Connection>>,
    settings: PoolSettings,
    uses: Arc<Uses>,
    /// Whether the engine has stopped.
    stopped: watch::Sender<bool>,
    /// Held while it is decided whether a connection that comes back is one too many.
    surplus: Mutex<()>,
    waits: Recorder,
    timeouts: AtomicU64,
    created: AtomicU64,
    closed_old: AtomicU64,
    closed_surplus: AtomicU64,
    closed_broken: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl managed::Manager for ConnectionSource {
    type Type = EngineConnection;
    type Error = StoreError;

    async fn create(&self) -> Result<EngineConnection, StoreError> {
        let instance = Arc::clone(&self.instance);
        let connect = move || instance::connect(&instance.lock().unwrap_or_else(PoisonError::into_inner));
        let connection = blocking::run(connect).await??;
        count(&self.created);
        Ok(EngineConnection { connection: Arc::new(Mutex::new(connection)), is_tainted: false })
    }

    /// Refuses a connection that a panic or an open transaction has left behind, or that is too old, and tries one that
    /// was idle for long.
    async fn recycle(&self, pooled: &mut EngineConnection, metrics: &Metrics) -> RecycleResult<StoreError> {
        if pooled.is_tainted || !pooled.lock().is_autocommit() {
            count(&self.closed_broken);
            return Err(RecycleError::message("the last use of the connection did not end"));
        }
        let recycle_after = self.settings.recycle_after;
        if !recycle_after.is_zero() && metrics.age() >= recycle_after {
            count(&self.closed_old);
            return Err(RecycleError::message("the connection is old"));
        }
        if metrics.last_used() >= self.settings.check_after_idle {
            let connection = Arc::clone(&pooled.connection);
            let check = move || {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                connection.execute_batch("SELECT 1").map_err(store_error)
            };
            blocking::run(check).await.flatten().map_err(|error| {
                count(&self.closed_broken);
                RecycleError::Backend(error)
            })?;
        }
        Ok(())
    }
}

/// How the pool is used right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections at most.
    pub max_size: usize,
    /// Connections that exist.
    pub size: usize,
    /// Connections that exist and are not in use.
    pub idle: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
}

impl Pool {
    /// A pool of connections to an instance. None is made yet.
    ///
    /// # Errors
    /// `Internal`, which does not happen.
    pub fn new(instance: Connection, settings: &PoolSettings) -> Result<Self, StoreError> {
        let source = ConnectionSource {
            instance: Arc::new(Mutex::new(instance)),
            settings: PoolSettings { size: settings.size.max(1), ..settings.clone() },
            uses: Arc::default(),
            stopped: watch::Sender::new(false),
            surplus: Mutex::new(()),
            waits: Recorder::new(SECONDS),
            timeouts: AtomicU64::new(0),
            created: AtomicU64::new(0),
            closed_old: AtomicU64::new(0),
            closed_surplus: AtomicU64::new(0),
            closed_broken: AtomicU64::new(0),
        };
        managed::Pool::builder(source)
            .max_size(settings.size.max(1).saturating_add(settings.max_overflow))
            .wait_timeout(Some(settings.wait_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map(Self)
            .map_err(|error| internal("the pool could not be built").with_source(error))
    }

    /// A connection out of the pool.
    ///
    /// # Errors
    /// `Unavailable` with the budget `pool` when none is free in time.
    pub(crate) async fn take(&self, purpose: Purpose) -> Result<PooledConnection, StoreError> {
        let started = Instant::now();
        let source = self.0.manager();
        let taken = timed(Stage::Pool, self.0.get()).await.map_err(pool_error).map(|object| {
            let of_use = source.uses.begin(purpose, &object.lock());
            PooledConnection { of_use, object }
        });
        match &taken {
            Ok(_) => source.waits.record(started.elapsed().as_secs_f64()),
            Err(error) if error.budget().is_some() => count(&source.timeouts),
            Err(_) => {}
        }
        taken
    }

    /// Takes note when the engine has stopped, which every later call tells as well.
    pub fn observe<T>(&self, outcome: &Result<T, StoreError>) {
        if let Err(error) = outcome
            && error.budget() == Some(ENGINE_STOPPED)
            && !self.0.manager().stopped.send_replace(true)
        {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, cause, "the engine has stopped");
        }
    }

    /// Ends when the engine has stopped.
    pub async fn engine_stopped(&self) {
        // The sender lives as long as the pool.
        let _ = self.0.manager().stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// Who uses the connections of the pool.
    pub fn uses(&self) -> &Uses {
        &self.0.manager().uses
    }

    /// Gives out no more connections. Those in use are closed when they come back.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// How the pool is used right now.
    pub fn status(&self) -> PoolStatus {
        let status = self.0.status();
        PoolStatus { max_size: status.max_size, size: status.size, idle: status.available, waiting: status.waiting }
    }

    /// How it is used, and has been.
    pub fn statistics(&self) -> ConnectionStatistics {
        let PoolStatus { max_size, size, idle, waiting } = self.status();
        let source = self.0.manager();
        let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ConnectionStatistics {
            max: max_size,
            used: size.saturating_sub(idle),
            idle,
            waiting,
            wait_seconds: source.waits.distribution(),
            timeouts: counted(&source.timeouts),
            created: counted(&source.created),
            closed_old: counted(&source.closed_old),
            closed_surplus: counted(&source.closed_surplus),
            closed_broken: counted(&source.closed_broken),
        }
    }
}

/// Ends the use of a connection: it goes back to the pool, or is closed when the pool has more than it keeps.
pub(crate) fn give_back(pooled: PooledConnection) {
    let PooledConnection { of_use, object } = pooled;
    drop(of_use);
    let Some(pool) = Object::pool(&object) else { return };
    let source = pool.manager();
    let _deciding = source.surplus.lock().unwrap_or_else(PoisonError::into_inner);
    if source.settings.max_overflow > 0 && pool.status().size > source.settings.size {
        count(&source.closed_surplus);
        drop(Object::take(object));
    }
}

fn pool_error(error: PoolError<StoreError>) -> StoreError {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => StoreError::unavailable("pool", "no connection was free in time"),
        PoolError::Backend(error) => error,
        PoolError::Closed => StoreError::new(StoreErrorKind::Unavailable, "the store is closed"),
        other => internal("the pool failed").with_source(other),
    }
}

#[cfg(test)]
mod tests;
