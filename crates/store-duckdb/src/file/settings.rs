//! What an operator may set about the store.

use std::path::PathBuf;
use std::time::Duration;

use eider_engine_duckdb::connection::{InstanceSettings, PoolSettings, ScanBatch};
use eider_settings::{Auto, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Memory of the indexes, of all schemas together, for what is read from their files.
    #[serde(rename = "storage.index_cache", with = "Size")]
    pub index_cache_bytes: u64,
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

impl StoreSettings {
    /// Settings with defaults for everything but the places: 1 GiB of engine memory, a thread for each core,
    /// a checkpoint every 256 MiB, 32 MiB of staging memory, 256 MiB for a filter of ids, 64 MiB of records, 32 connections.
    pub fn new(path: impl Into<PathBuf>, temp_directory: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), temp_directory: temp_directory.into(), ..Self::default() }
    }

    /// Those that the engine is told.
    pub(crate) fn of_instance(&self) -> InstanceSettings {
        InstanceSettings {
            memory_limit_bytes: self.memory_limit_bytes,
            threads: self.threads,
            temp_directory: self.temp_directory.clone(),
        }
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
            index_cache_bytes: 16 << 20,
            writer_wait: Duration::from_secs(30),
            change_patience: Duration::from_secs(10),
            scan_batch: ScanBatch::default(),
            least_ranged_rows: 50_000,
            pool: PoolSettings::default(),
            group: GroupSettings::default(),
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
    /// How long changes of single records, which are durable in the log of changes, wait for others before they go into
    /// their table together.
    #[serde(rename = "commits.flush_after", with = "Period")]
    pub flush_after: Duration,
    /// Memory of the changes of one schema that are not in its table yet. Then the next ones wait until they are.
    #[serde(rename = "commits.pending_memory", with = "Size")]
    pub pending_bytes: usize,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            max_changes: 1_024,
            max_wait: Duration::from_secs(10),
            queue_length: 8_192,
            flush_after: Duration::from_millis(100),
            pending_bytes: 16 << 20,
        }
    }
}
