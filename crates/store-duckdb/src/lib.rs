//! The embedded store: DuckDB behind the ports of `eider-application`.
//!
//! One instance, opened on one file. Connections, statements and what else every store with this engine needs are in
//! `eider-engine-duckdb`.
//!
//! The folders are layers; each uses those above it in this list, and none below:
//!
//! | folder | what is there |
//! |---|---|
//! | `file` | the file and its settings; the engine is in `eider-engine-duckdb` |
//! | `sql` | statements, and what they yield |
//! | `catalog` | the tables that say which schemas there are |
//! | `table` | what is known of each schema while the store is open: counters, caches, queues, the write lock |
//! | `read`, `write`, `quality`, `operate` | the work |
//! | `store` | the roles of the port, and changes of schemas |

mod catalog;
mod file;
mod operate;
mod read;
mod sql;
mod store;
mod table;
mod write;

pub use catalog::history::begin_anew;
pub use eider_engine_duckdb::connection::PoolStatus;
pub use eider_engine_duckdb::connection::{ConnectionStatistics, EngineMemory, MemoryTag};
pub use eider_engine_duckdb::connection::{EngineRelease, engine_linkage};
pub use eider_engine_duckdb::connection::{PoolSettings, ScanBatch};
pub use file::instance::FileHold;
pub use file::settings::{GroupSettings, StoreSettings};
pub use file::statistics::{
    CheckpointStatistics, CommitStatistics, EvolutionStatistics, FileStatistics, RecordCacheStatistics, StoreStatistics,
};
pub use operate::doctor::{Content, Finding, Thoroughness, contents, examine};
pub use operate::wal::CutLog;
pub use store::DuckDbStore;
pub use table::identity::IdFilterStatus;
pub use table::ranges::RangeStatus;
