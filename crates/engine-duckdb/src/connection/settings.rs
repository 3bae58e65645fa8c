//! What an operator may set about the engine and its connections, and the one place that tells the engine.

use std::fmt::Write as _;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use duckdb::Connection;
use eider_application::ports::StoreError;
use eider_settings::{Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::store_error;
use crate::ident;

/// What an instance is told when it is opened. Its configuration is locked afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSettings {
    /// Bytes that the engine's buffers may take; its peak is some 80 MB above.
    pub memory_limit_bytes: u64,
    /// Threads that one query may use; one for each core when it is not said.
    pub threads: Option<usize>,
    /// Where sorts spill. It exists.
    pub temp_directory: PathBuf,
}

/// How much of a scan goes out at once: its rows until there are as many, or until they take as many bytes. The engine's
/// own batches have 2,048 rows, too few to cross a channel one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ScanBatch {
    /// Records after which a batch of a stream goes on to be encoded.
    #[serde(rename = "storage.scan_batch_rows")]
    pub rows: usize,
    /// Memory after which a batch of a stream goes on to be encoded.
    #[serde(rename = "storage.scan_batch", with = "Size")]
    pub bytes: usize,
}

impl Default for ScanBatch {
    fn default() -> Self {
        Self { rows: 8_192, bytes: 512 << 10 }
    }
}

/// Settings of the connection pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PoolSettings {
    /// Connections to the engine that are kept. A stream holds one for as long as its client reads.
    #[serde(rename = "pool.size")]
    pub size: usize,
    /// Connections beyond `pool.size`. They are made when all others are in use, and closed afterwards.
    #[serde(rename = "pool.max_overflow")]
    pub max_overflow: usize,
    /// How long a request waits for a connection.
    #[serde(rename = "pool.wait_timeout", with = "Period")]
    pub wait_timeout: Duration,
    /// Time without use after which a connection is tried before it is used again. 0s tries it each time.
    #[serde(rename = "pool.check_after_idle", with = "Period")]
    pub check_after_idle: Duration,
    /// Age at which a connection is replaced before it is used again. 0s replaces none.
    #[serde(rename = "pool.recycle_after", with = "Period")]
    pub recycle_after: Duration,
}

/// Records of a sorted page up to which the engine finds them by their keys and only then reads their other fields. It
/// makes a page of an unordered key twice as fast, and takes a join, which a page from a narrow range does without.
pub(crate) const LATE_ROWS: u64 = 128;

/// What the engine knows for each connection only, and is set again on each: how much a stream produces ahead of a
/// slow reader (10 MiB if nothing is said).
pub(crate) const CONNECTION_STATEMENTS: &str = "SET SESSION streaming_buffer_size = '1MiB'";

impl InstanceSettings {
    /// Puts the settings in force on a fresh instance, and locks it.
    ///
    /// # Errors
    /// When the engine refuses one.
    pub fn apply(&self, instance: &Connection) -> Result<(), StoreError> {
        instance.execute_batch(&self.statements()).map_err(store_error)
    }

    /// The statements that put the settings in force on a fresh instance, and lock it.
    ///
    /// Extensions and files are closed to SQL, so that no statement can reach beyond the store
    /// (DuckDB documentation, "Securing DuckDB"). The temporary directory is set before that.
    fn statements(&self) -> String {
        let temp_directory = ident::literal(&self.temp_directory.to_string_lossy());
        let cores = || std::thread::available_parallelism().map_or(2, NonZero::get);
        let threads = self.threads.unwrap_or_else(cores);
        let mut sql = String::new();
        let settings = [
            ("memory_limit", format!("'{}B'", self.memory_limit_bytes)),
            ("threads", threads.max(1).to_string()),
            ("temp_directory", temp_directory),
            // The store takes checkpoints itself: one that fails for want of room stops the engine for good.
            ("checkpoint_threshold", "'1TiB'".to_owned()),
            // Scans without ORDER BY come in commit order.
            ("preserve_insertion_order", "true".to_owned()),
            ("late_materialization_max_rows", LATE_ROWS.to_string()),
            // UUIDs cross as 16 bytes, not as text.
            ("arrow_lossless_conversion", "true".to_owned()),
            ("autoinstall_known_extensions", "false".to_owned()),
            ("autoload_known_extensions", "false".to_owned()),
            ("allow_community_extensions", "false".to_owned()),
            ("enable_external_access", "false".to_owned()),
            ("allowed_configs", "['streaming_buffer_size']".to_owned()),
            ("lock_configuration", "true".to_owned()),
        ];
        for (name, value) in settings {
            // Writing to a string cannot fail.
            let _ = writeln!(sql, "SET GLOBAL {name} = {value};");
        }
        sql
    }
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            size: 32,
            max_overflow: 0,
            wait_timeout: Duration::from_secs(5),
            check_after_idle: Duration::from_mins(1),
            recycle_after: Duration::from_hours(1),
        }
    }
}
