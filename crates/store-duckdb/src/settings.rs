//! What an operator may set about the engine and its connections, and the one place that tells the engine.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::{GroupSettings, ident};

/// Settings of the store. Applied when it is opened; the engine's configuration is locked afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The file that holds everything. Created when it does not exist; its directory must.
    pub path: PathBuf,
    /// Where sorts spill and large writes are staged. Created when it does not exist.
    pub temp_directory: PathBuf,
    /// Bytes that the engine's buffers may take; its peak is some 80 MB above.
    pub memory_limit_bytes: u64,
    /// Threads that one query may use.
    pub threads: usize,
    /// Bytes of the write-ahead log after which the store takes a checkpoint.
    pub checkpoint_threshold_bytes: u64,
    /// How long nothing must have been written before a checkpoint is taken that nobody waits for.
    pub checkpoint_after_idle: Duration,
    /// Bytes of a write that are held in memory before its batches go to a temporary file.
    pub staging_memory_bytes: usize,
    /// Bytes that the filter over the ids of one schema may take, of which an id needs 2.5; the ids of a schema that
    /// needs more are looked up in the table.
    pub id_filter_bytes: usize,
    /// Bytes of records that are kept in memory for reads by id, of all schemas together; none when 0.
    pub record_cache_bytes: u64,
    /// How long a write waits for its turn on a schema.
    pub writer_wait: Duration,
    /// How long a change of a schema waits for reads, of any schema, that began before its last deletion; then it ends them.
    pub change_patience: Duration,
    /// How much of a scan goes out at once.
    pub scan_batch: ScanBatch,
    /// Records of a schema from which on its sorted pages are first looked for within ranges of their first key.
    pub least_ranged_rows: u64,
    /// The connections.
    pub pool: PoolSettings,
    /// How changes of single records share commits.
    pub group: GroupSettings,
}

/// How much of a scan goes out at once: its rows until there are as many, or until they take as many bytes. The engine's
/// own batches have 2,048 rows, too few to cross a channel one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanBatch {
    /// Rows of a batch.
    pub rows: usize,
    /// Bytes of a batch, in memory.
    pub bytes: usize,
}

impl Default for ScanBatch {
    fn default() -> Self {
        Self { rows: 8_192, bytes: 512 << 10 }
    }
}

/// Settings of the connection pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections that are kept. A stream holds one for as long as its client reads.
    pub size: usize,
    /// Connections beyond those, which are made when all are in use and closed after it.
    pub max_overflow: usize,
    /// How long a caller waits for a connection.
    pub wait_timeout: Duration,
    /// Time since its last use began after which a connection is tried with a query before it is used again; always
    /// when 0.
    pub check_after_idle: Duration,
    /// Age at which a connection is replaced before it is used again; never when 0.
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
        Self {
            path: path.into(),
            temp_directory: temp_directory.into(),
            memory_limit_bytes: 1 << 30,
            threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
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

    /// The statements that put the settings in force on a fresh instance, and lock it.
    ///
    /// Extensions and files are closed to SQL, so that no statement can reach beyond the store
    /// (DuckDB documentation, "Securing DuckDB"). The temporary directory is set before that.
    pub(crate) fn statements(&self) -> String {
        let temp_directory = ident::literal(&self.temp_directory.to_string_lossy());
        let mut sql = String::new();
        let settings = [
            ("memory_limit", format!("'{}B'", self.memory_limit_bytes)),
            ("threads", self.threads.max(1).to_string()),
            ("temp_directory", temp_directory),
            // The store takes checkpoints itself: one that fails for want of room stops the engine for good.
            ("checkpoint_threshold", "'1TiB'".to_owned()),
            // Scans without ORDER BY come in the order of commit.
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
