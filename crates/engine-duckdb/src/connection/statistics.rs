//! Statistics of the engine: its connections and its memory.

use duckdb::Connection;
use eider_application::ports::{Distribution, StoreError};

use crate::error::store_error;

/// How the connections to an engine are used, and have been since the store was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionStatistics {
    /// Connections at most, with those that are closed after use.
    pub max: usize,
    /// Connections in use.
    pub used: usize,
    /// Connections that exist and are not in use.
    pub idle: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
    /// Seconds that callers waited until they had a connection.
    pub wait_seconds: Distribution,
    /// Callers that waited in vain.
    pub timeouts: u64,
    /// Connections that were made.
    pub created: u64,
    /// Connections that were closed for their age.
    pub closed_old: u64,
    /// Connections that were closed because there were more than the pool keeps.
    pub closed_surplus: u64,
    /// Connections that were closed because their last use did not end, or they did not answer.
    pub closed_broken: u64,
}

/// The memory of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineMemory {
    /// Bytes that its buffers may take.
    pub limit_bytes: u64,
    /// Bytes that they take.
    pub used_bytes: u64,
    /// Bytes that it moved to temporary files.
    pub spilled_bytes: u64,
    /// The same by purpose; always the same purposes.
    pub tags: Vec<MemoryTag>,
}

/// The memory that an engine uses for one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryTag {
    /// The purpose, in the engine's words and lower case, such as `hash_table`.
    pub name: String,
    /// Bytes in memory.
    pub used_bytes: u64,
    /// Bytes in temporary files.
    pub spilled_bytes: u64,
}

impl EngineMemory {
    /// What the engine of a connection says, whose buffers may take so many bytes.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn of(connection: &Connection, limit_bytes: u64) -> Result<Self, StoreError> {
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
        Ok(Self { limit_bytes, used_bytes, spilled_bytes, tags })
    }
}
