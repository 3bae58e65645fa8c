//! Figures that the engine and the disk have to be asked for, looked at once a second so that nobody waits for them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use duckdb::Connection;
use eider_application::StoreError;

use crate::engine::disk::{self, directory_bytes, free_bytes};
use crate::engine::error::store_error;
use crate::engine::figures::{EngineMemory, FileFigures, MemoryTag};
use crate::engine::settings::StoreSettings;

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

    /// The connection that looks.
    pub(crate) fn connection(&self) -> &Arc<Mutex<Connection>> {
        &self.connection
    }

    /// Takes note of what was found.
    pub(crate) fn set(&self, observation: Observation) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = observation;
    }

    pub(crate) fn last(&self) -> Observation {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) fn observe(connection: &Connection, settings: &StoreSettings) -> Result<Observation, StoreError> {
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
        log_bytes: disk::log_bytes(settings),
        temporary_bytes: directory_bytes(&settings.temp_directory)?,
        free_bytes: free_bytes(&settings.path)?,
    })
}
