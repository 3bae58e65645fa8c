//! The embedded store: DuckDB behind the ports of `eider-application`.
//!
//! One instance, opened on one file, a pool of connections cloned from it, and one module (`worker`) through
//! which every engine call leaves the event loop.

mod backup;
mod catalog;
mod changes;
mod checkpoint;
mod commit;
mod conflicts;
mod doctor;
mod engine;
mod error;
mod evolution;
mod explain;
mod figures;
mod functions;
mod group;
mod history;
mod ident;
mod identity;
mod interrupt;
mod issues;
mod keys;
mod lookups;
mod pool;
mod prepared;
mod profile;
mod ranges;
mod reads;
mod record_cache;
mod release;
mod scan;
mod settings;
mod shared;
mod sql;
mod staging;
mod statistics;
mod store;
mod suggestions;
mod uses;
mod validation;
mod wal;
mod worker;
mod writer;

pub use doctor::{Content, Finding, Thoroughness, contents, examine};
pub use engine::FileHold;
pub use figures::{
    CheckpointFigures, CommitFigures, ConnectionFigures, EngineMemory, EvolutionFigures, FileFigures, MemoryTag,
    RecordCacheFigures, StoreFigures,
};
pub use group::GroupSettings;
pub use history::begin_anew;
pub use identity::IdFilterStatus;
pub use pool::PoolStatus;
pub use ranges::RangeStatus;
pub use release::{EngineRelease, engine_linkage};
pub use settings::{PoolSettings, ScanBatch, StoreSettings};
#[doc(hidden)]
pub use sql::scan_text;
pub use store::DuckDbStore;
pub use wal::CutLog;
