//! Metrics that the engine and the disk have to be asked for, looked at once a second so that nobody waits for them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use eider_application::ports::StoreError;
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::connection::EngineMemory;

use crate::file::change_log;
use crate::file::disk::{self, directory_bytes, free_bytes};
use crate::file::names;
use crate::file::settings::StoreSettings;
use crate::file::statistics::FileStatistics;

/// What was found last, and the connection that finds it: one beside the pool, so that statistics come when it is used up.
#[derive(Debug)]
pub(crate) struct Observed {
    connection: Arc<Mutex<Connection>>,
    last: Mutex<Observation>,
}

/// What the engine and the disk say.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) engine_memory: EngineMemory,
    pub(crate) files: FileStatistics,
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
    Ok(Observation { engine_memory: EngineMemory::of(connection, settings.memory_limit_bytes)?, files })
}

fn files(settings: &StoreSettings) -> io::Result<FileStatistics> {
    Ok(FileStatistics {
        database_bytes: std::fs::metadata(&settings.path)?.len(),
        log_bytes: disk::log_bytes(settings),
        change_log_bytes: change_log::bytes(settings),
        index_bytes: disk::taken_bytes(&names::index_directory(&settings.path)),
        temporary_bytes: directory_bytes(&settings.temp_directory)?,
        free_bytes: free_bytes(&settings.path)?,
    })
}
