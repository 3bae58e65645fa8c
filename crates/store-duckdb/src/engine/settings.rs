//! What an operator may set about the engine and its connections, and the one place that tells the engine.

use std::fmt::Write as _;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use eider_settings::{Auto, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::ident;

/// Settings of the store. Applied when it is opened; the engine's configuration is locked afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StoreSettings {
    /// The file that holds everything. Created when it does not exist; its directory must.
    #[serde(skip)]
    pub path: PathBuf,
    /// Where sorts spill and large writes are staged. Created when it does not exist.
    #[serde(skip)]
    pub temp_directory: PathBuf,
    /// Bytes that the engine's buffers may take; its peak is some 80 MB above.
    #[serde(skip)]
    pub memory_limit_bytes: u64,
    /// Threads that one query may use. `auto`: one for each core.
    #[serde(rename = "storage.threads", with = "Auto")]
    pub threads: Option<usize>,
    /// Size of the write-ahead log after which a checkpoint is taken, also while others write.
    #[serde(rename = "storage.checkpoint_threshold", with = "Size")]
    pub checkpoint_threshold_bytes: u64,
    /// How long nothing must have been written before a checkpoint is taken that nobody waits for.
    #[serde(rename = "storage.checkpoint_after_idle", with = "Period")]
    pub checkpoint_after_idle: Duration,
    /// Memory of a write before its records go to a temporary file.
    #[serde(rename = "storage.staging_memory", with = "Size")]
    pub staging_memory_bytes: usize,
    /// Memory of the filter over the ids of one schema, 2.5 bytes for each id. Beyond it, clients' ids are looked up in
    /// the table.
    #[serde(rename = "storage.id_filter", with = "Size")]
    pub id_filter_bytes: usize,
    /// Memory of the records, of all schemas together, that are kept for reads by id. 0 keeps none.
    #[serde(rename = "storage.record_cache", with = "Size")]
    pub record_cache_bytes: u64,
    /// How long a write waits for the write lock of its schema.
    #[serde(rename = "storage.writer_wait", with = "Period")]
    pub writer_wait: Duration,
    /// How long a change of a schema waits for reads, of any schema, that began before its last deletion. Then it ends
    /// them.
    #[serde(rename = "storage.change_patience", with = "Period")]
    pub change_patience: Duration,
    /// How much of a scan goes out at once.
    #[serde(flatten)]
    pub scan_batch: ScanBatch,
    /// Records of a schema from which on its sorted pages are first looked for within ranges of their first key.
    #[serde(skip)]
    pub least_ranged_rows: u64,
    /// The connections.
    #[serde(flatten)]
    pub pool: PoolSettings,
    /// How changes of single records share commits.
    #[serde(flatten)]
    pub group: GroupSettings,
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

impl StoreSettings {
    /// Settings with defaults for everything but the places: 1 GiB of engine memory, a thread for each core,
    /// a checkpoint every 256 MiB, 32 MiB of staging memory, 256 MiB for a filter of ids, 64 MiB of records, 32 connections.
    pub fn new(path: impl Into<PathBuf>, temp_directory: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), temp_directory: temp_directory.into(), ..Self::default() }
    }

    /// The statements that put the settings in force on a fresh instance, and lock it.
    ///
    /// Extensions and files are closed to SQL, so that no statement can reach beyond the store
    /// (DuckDB documentation, "Securing DuckDB"). The temporary directory is set before that.
    pub(crate) fn statements(&self) -> String {
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

impl Default for StoreSettings {
    /// Without places: neither the file nor the temporary directory has a path yet.
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            temp_directory: PathBuf::new(),
            memory_limit_bytes: 1 << 30,
            threads: None,
            checkpoint_threshold_bytes: 256 << 20,
            checkpoint_after_idle: Duration::from_secs(5),
            staging_memory_bytes: 32 << 20,
            id_filter_bytes: 256 << 20,
            record_cache_bytes: 64 << 20,
            writer_wait: Duration::from_secs(30),
            change_patience: Duration::from_secs(10),
            scan_batch: ScanBatch::default(),
            least_ranged_rows: 50_000,
            pool: PoolSettings::default(),
            group: GroupSettings::default(),
        }
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

/// How single changes share commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GroupSettings {
    /// Changes of single records that share one commit at most.
    #[serde(rename = "commits.max_changes")]
    pub max_changes: usize,
    /// How long a change may wait for its commit to begin. Then it is refused with 503.
    #[serde(rename = "commits.max_wait", with = "Period")]
    pub max_wait: Duration,
    /// Changes that may wait at once, for each schema. More are refused with 503.
    #[serde(rename = "commits.queue_length")]
    pub queue_length: usize,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self { max_changes: 1_024, max_wait: Duration::from_secs(10), queue_length: 8_192 }
    }
}
