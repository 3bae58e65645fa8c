//! A managed pool of connections, all cloned from one instance.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult};
use deadpool::{Runtime, managed::TimeoutType};
use duckdb::Connection;
use eider_application::{StoreError, StoreErrorKind, blocking};

use crate::error::{internal, store_error};
use crate::{PoolSettings, engine};

pub(crate) type Pool = managed::Pool<ConnectionSource>;
pub(crate) type PooledConnection = managed::Object<ConnectionSource>;

/// A connection and whether the last use of it ended as it should.
pub(crate) struct EngineConnection {
    pub(crate) connection: Connection,
    /// Set while the connection is in use: a panic leaves it set, and the connection is then thrown away.
    pub(crate) is_suspect: bool,
}

impl fmt::Debug for EngineConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConnection").field("is_suspect", &self.is_suspect).finish_non_exhaustive()
    }
}

/// Clones connections from the instance and looks after those that come back.
#[derive(Debug)]
pub(crate) struct ConnectionSource {
    instance: Arc<Mutex<Connection>>,
    check_after_idle: Duration,
}

impl managed::Manager for ConnectionSource {
    type Type = EngineConnection;
    type Error = StoreError;

    async fn create(&self) -> Result<EngineConnection, StoreError> {
        let instance = Arc::clone(&self.instance);
        let connect = move || engine::connect(&instance.lock().unwrap_or_else(PoisonError::into_inner));
        let connection = blocking::run(connect).await??;
        Ok(EngineConnection { connection, is_suspect: false })
    }

    /// Refuses a connection that a panic or an open transaction has left behind, and tries one that was idle for long.
    async fn recycle(&self, pooled: &mut EngineConnection, metrics: &Metrics) -> RecycleResult<StoreError> {
        if pooled.is_suspect || !pooled.connection.is_autocommit() {
            return Err(RecycleError::message("the last use of the connection did not end"));
        }
        if metrics.last_used() > self.check_after_idle {
            pooled.connection.execute_batch("SELECT 1").map_err(|error| RecycleError::Backend(store_error(error)))?;
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

pub(crate) fn build(instance: Arc<Mutex<Connection>>, settings: &PoolSettings) -> Result<Pool, StoreError> {
    let source = ConnectionSource { instance, check_after_idle: settings.check_after_idle };
    Pool::builder(source)
        .max_size(settings.size.max(1))
        .wait_timeout(Some(settings.wait_timeout))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| internal("the pool could not be built").with_source(error))
}

pub(crate) fn status(pool: &Pool) -> PoolStatus {
    let status = pool.status();
    PoolStatus { max_size: status.max_size, size: status.size, idle: status.available, waiting: status.waiting }
}

pub(crate) fn pool_error(error: PoolError<StoreError>) -> StoreError {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => StoreError::unavailable("pool", "no connection was free in time"),
        PoolError::Backend(error) => error,
        PoolError::Closed => StoreError::new(StoreErrorKind::Unavailable, "the store is closed"),
        other => internal("the pool failed").with_source(other),
    }
}
