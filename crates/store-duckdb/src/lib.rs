//! The embedded store: DuckDB behind the ports of `eider-application`.
//!
//! One instance, opened on one file, a pool of connections cloned from it, and one module (`worker`) through
//! which every engine call leaves the event loop.
//!
//! The folders are layers; each uses those above it in this list, and none below:
//!
//! | folder | what is there |
//! |---|---|
//! | `engine` | the instance, its settings and errors, connections, the threads that use them |
//! | `sql` | statements, and what they yield |
//! | `catalog` | the tables that say which schemas there are |
//! | `table` | what is known of each schema while the store is open: counters, caches, queues, the write lock |
//! | `read`, `write`, `quality`, `operate` | the work |
//! | `store` | the roles of the port, and changes of schemas |

mod catalog;
mod engine;
mod operate;
mod quality;
mod read;
mod sql;
mod store;
mod table;
mod write;

pub use catalog::history::begin_anew;
pub use engine::figures::{
    CheckpointFigures, CommitFigures, ConnectionFigures, EngineMemory, EvolutionFigures, FileFigures, MemoryTag,
    RecordCacheFigures, StoreFigures,
};
pub use engine::instance::FileHold;
pub use engine::pool::PoolStatus;
pub use engine::release::{EngineRelease, engine_linkage};
pub use engine::settings::{GroupSettings, PoolSettings, ScanBatch, StoreSettings};
pub use operate::doctor::{Content, Finding, Thoroughness, contents, examine};
pub use operate::wal::CutLog;
#[doc(hidden)]
pub use sql::scan_text;
pub use store::DuckDbStore;
pub use table::identity::IdFilterStatus;
pub use table::ranges::RangeStatus;
