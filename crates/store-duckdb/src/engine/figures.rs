//! The figures of this store.

use std::time::Duration;

use eider_application::Distribution;

/// Figures of a store for those who operate it; `None` for what it does not have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoreFigures {
    /// How long the last checkpoint took; `None` before the first.
    pub last_checkpoint: Option<Duration>,
    /// The checkpoints since the store was opened.
    pub checkpoints: Option<CheckpointFigures>,
    /// The commits since the store was opened.
    pub commits: Option<CommitFigures>,
    /// The changes of schemas since the store was opened.
    pub evolutions: Option<EvolutionFigures>,
    /// The connections to the engine.
    pub connections: Option<ConnectionFigures>,
    /// The records kept in memory for reads by id; `None` also when none are to be kept.
    pub records: Option<RecordCacheFigures>,
    /// The engine's memory, at most two seconds old.
    pub engine_memory: Option<EngineMemory>,
    /// The files and their disk, at most two seconds old.
    pub files: Option<FileFigures>,
}

/// What the records kept in memory for reads by id have done and take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordCacheFigures {
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
pub struct EvolutionFigures {
    /// Seconds that changes took, without the wait for the write lock.
    pub seconds: Distribution,
    /// Steps of the changes that run.
    pub steps: u64,
    /// Those of them that are done.
    pub steps_done: u64,
}

/// How the connections to an engine are used, and have been since the store was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionFigures {
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

/// The files of a store and the disk that they are on, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFigures {
    /// The file of the records.
    pub database_bytes: u64,
    /// The write-ahead log; 0 when there is none.
    pub log_bytes: u64,
    /// The files in the directory of temporary files.
    pub temporary_bytes: u64,
    /// What is free to this process on the disk of the records.
    pub free_bytes: u64,
}

/// What became of checkpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointFigures {
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
pub struct CommitFigures {
    /// Seconds of a commit of changes of single records, without the wait for the write lock.
    pub single_seconds: Distribution,
    /// Seconds of a commit of many records, or of a deletion by a filter, without the wait for the write lock.
    pub bulk_seconds: Distribution,
    /// Changes of single records that shared a commit.
    pub group_changes: Distribution,
}
