//! The statistics of this store.

use std::time::Duration;

use eider_application::ports::Distribution;
use eider_engine_duckdb::connection::{ConnectionStatistics, EngineMemory};

/// Metrics of a store for those who operate it; `None` for what it does not have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoreStatistics {
    /// How long the last checkpoint took; `None` before the first.
    pub last_checkpoint: Option<Duration>,
    /// The checkpoints since the store was opened.
    pub checkpoints: Option<CheckpointStatistics>,
    /// The changes of single records that are not in their table yet.
    pub pending: PendingStatistics,
    /// The commits since the store was opened.
    pub commits: Option<CommitStatistics>,
    /// The changes of schemas since the store was opened.
    pub evolutions: Option<EvolutionStatistics>,
    /// The connections to the engine.
    pub connections: Option<ConnectionStatistics>,
    /// The records kept in memory for reads by id; `None` also when none are to be kept.
    pub records: Option<RecordCacheStatistics>,
    /// The engine's memory, at most two seconds old.
    pub engine_memory: Option<EngineMemory>,
    /// The files and their disk, at most two seconds old.
    pub files: Option<FileStatistics>,
}

/// The changes of single records that are durable in the log and not in their table yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PendingStatistics {
    /// Records that they are of.
    pub records: u64,
    /// Memory that they take.
    pub bytes: u64,
}

/// What the records kept in memory for reads by id have done and take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordCacheStatistics {
    /// Reads that were answered from memory.
    pub hits: u64,
    /// Reads that were not.
    pub misses: u64,
    /// Records in memory, of all schemas; settles within a second.
    pub entries: u64,
    /// Bytes that they take; settles within a second.
    pub bytes: u64,
}

/// How changes of schemas went, and how far those are that run.
#[derive(Debug, Clone, PartialEq)]
pub struct EvolutionStatistics {
    /// Seconds that changes took, without the wait for the write lock.
    pub seconds: Distribution,
    /// Steps of the changes that run.
    pub steps: u64,
    /// Those of them that are done.
    pub steps_done: u64,
}

/// The files of a store and the disk that they are on, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatistics {
    /// The file of the records.
    pub database_bytes: u64,
    /// The write-ahead log; 0 when there is none.
    pub log_bytes: u64,
    /// The log of changes.
    pub change_log_bytes: u64,
    /// The indexes.
    pub index_bytes: u64,
    /// The files in the directory of temporary files.
    pub temporary_bytes: u64,
    /// What is free to this process on the disk of the records.
    pub free_bytes: u64,
}

/// Outcomes of checkpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointStatistics {
    /// Seconds that those took that succeeded, with the wait for running writes.
    pub seconds: Distribution,
    /// Those that failed.
    pub failed: u64,
    /// Those that were put off: for want of room on the disk, or because reads see what was changed since. Counted once
    /// for each try.
    pub postponed: u64,
}

/// Commits that changed something.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitStatistics {
    /// Seconds of a commit of changes of single records, without the wait for the write lock.
    pub single_seconds: Distribution,
    /// Seconds of a commit of many records, or of a deletion by a filter, without the wait for the write lock.
    pub bulk_seconds: Distribution,
    /// Changes of single records that shared a commit.
    pub group_changes: Distribution,
    /// Seconds that it took to store changes of the log in their table.
    pub flush_seconds: Distribution,
}
