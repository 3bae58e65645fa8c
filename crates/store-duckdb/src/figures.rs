//! Figures that the engine and the disk have to be asked for, looked at once a second so that nobody waits for them.

mod kinds;
mod metrics;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use duckdb::Connection;
use eider_application::recorder::{NUMBERS, Recorder, SECONDS};
use eider_application::{StoreError, blocking};

pub use kinds::{
    CheckpointFigures, CommitFigures, ConnectionFigures, EngineMemory, EvolutionFigures, FileFigures, MemoryTag,
    RecordCacheFigures, StoreFigures,
};

use crate::error::store_error;
use crate::shared::Shared;
use crate::{StoreSettings, checkpoint};

/// How often they are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was found last, and the connection that finds it: one beside the pool, so that figures come when it is used up.
#[derive(Debug)]
pub(crate) struct Observed {
    connection: Arc<Mutex<Connection>>,
    last: Mutex<Observation>,
}

/// What the engine and the disk say.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) engine_memory: EngineMemory,
    pub(crate) files: FileFigures,
}

impl Observed {
    /// Looks for the first time.
    ///
    /// # Errors
    /// When the engine or the disk does not answer.
    pub(crate) fn new(connection: Connection, settings: &StoreSettings) -> Result<Self, StoreError> {
        let last = Mutex::new(observe(&connection, settings)?);
        Ok(Self { connection: Arc::new(Mutex::new(connection)), last })
    }

    pub(crate) fn last(&self) -> Observation {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks again and again until the store is dropped or closed.
pub(crate) async fn run(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(shared) = shared.upgrade() else { return };
        if shared.pool.is_closed() {
            return;
        }
        let (connection, settings) = (Arc::clone(&shared.observed.connection), shared.settings.clone());
        let look = move || observe(&connection.lock().unwrap_or_else(PoisonError::into_inner), &settings);
        match blocking::run(look).await.flatten() {
            Ok(observation) => *shared.observed.last.lock().unwrap_or_else(PoisonError::into_inner) = observation,
            Err(error) => tracing::debug!(%error, "the engine gave no figures"),
        }
    }
}

fn observe(connection: &Connection, settings: &StoreSettings) -> Result<Observation, StoreError> {
    let files = files(settings).map_err(StoreError::of_disk)?;
    Ok(Observation { engine_memory: engine_memory(connection, settings.memory_limit_bytes)?, files })
}

fn engine_memory(connection: &Connection, limit_bytes: u64) -> Result<EngineMemory, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT lower(tag), memory_usage_bytes, temporary_storage_bytes FROM duckdb_memory()")
        .map_err(store_error)?;
    let rows = statement
        .query_map([], |row| {
            let (name, used, spilled) = (row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
            // The engine adds up late what its threads take and give back, and so falls below nothing at times.
            let bytes = |count: i64| u64::try_from(count).unwrap_or(0);
            Ok(MemoryTag { name, used_bytes: bytes(used), spilled_bytes: bytes(spilled) })
        })
        .map_err(store_error)?;
    let tags: Vec<MemoryTag> = rows.collect::<Result<_, _>>().map_err(store_error)?;
    let used_bytes = tags.iter().map(|tag| tag.used_bytes).sum();
    let spilled_bytes = tags.iter().map(|tag| tag.spilled_bytes).sum();
    Ok(EngineMemory { limit_bytes, used_bytes, spilled_bytes, tags })
}

fn files(settings: &StoreSettings) -> io::Result<FileFigures> {
    Ok(FileFigures {
        database_bytes: std::fs::metadata(&settings.path)?.len(),
        log_bytes: checkpoint::log_bytes(settings),
        temporary_bytes: directory_bytes(&settings.temp_directory)?,
        free_bytes: free_bytes(&settings.path)?,
    })
}

/// What is free to this process on the disk that a path is on.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The bytes of the files in a directory. Files come and go meanwhile.
fn directory_bytes(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        match entry.and_then(|entry| entry.metadata()) {
            Ok(metadata) if metadata.is_file() => bytes += metadata.len(),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// What commits took.
#[derive(Debug)]
pub(crate) struct CommitRecorders {
    pub(crate) single_seconds: Recorder,
    pub(crate) bulk_seconds: Recorder,
    pub(crate) group_changes: Recorder,
}

impl Default for CommitRecorders {
    fn default() -> Self {
        Self {
            single_seconds: Recorder::new(SECONDS),
            bulk_seconds: Recorder::new(SECONDS),
            group_changes: Recorder::new(NUMBERS),
        }
    }
}

impl CommitRecorders {
    pub(crate) fn figures(&self) -> CommitFigures {
        CommitFigures {
            single_seconds: self.single_seconds.distribution(),
            bulk_seconds: self.bulk_seconds.distribution(),
            group_changes: self.group_changes.distribution(),
        }
    }
}
