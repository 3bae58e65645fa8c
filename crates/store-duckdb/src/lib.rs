//! The embedded store: DuckDB behind the ports of `eider-application`.
//!
//! One instance, opened on one file. What every store on this engine needs is in `eider-engine-duckdb`: connections,
//! statements, reads over a relation. Here is what belongs to one file.
//!
//! The folders are layers; each uses those above it in this list, and none below:
//!
//! | folder | what is there |
//! |---|---|
//! | `file` | the file opened, its settings and statistics, the names of what is in it |
//! | `sql` | statements that make, change and delete tables and what is in them |
//! | `catalog` | the tables that say which schemas there are |
//! | `index` | the indexes beside the engine: their keys, and the tree that has them |
//! | `table` | what is known of each schema while the store is open: counters, caches, queues, the write lock |
//! | `read`, `write`, `operate` | the work |
//! | `store` | the roles of the port, and changes of schemas |

mod catalog;
mod file;
mod index;
mod operate;
mod read;
mod sql;
mod store;
mod table;
mod write;

pub use catalog::history::begin_anew;
pub use eider_engine_duckdb::connection::{
    ConnectionStatistics, EngineMemory, EngineRelease, MemoryTag, PoolSettings, PoolStatus, ScanBatch, engine_linkage,
};
pub use file::instance::FileHold;
pub use file::settings::{GroupSettings, StoreSettings};
pub use file::statistics::{
    CheckpointStatistics, CommitStatistics, EvolutionStatistics, FileStatistics, PendingStatistics,
    RecordCacheStatistics, StoreStatistics,
};
pub use operate::doctor::{Content, Finding, Thoroughness, contents, examine};
pub use operate::wal::CutLog;
pub use store::DuckDbStore;
pub use table::identity::IdFilterStatus;
pub use table::ranges::RangeStatus;
