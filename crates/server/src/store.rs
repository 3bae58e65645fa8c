//! The store that this program is built with. Nothing else in this crate names it, so that another is one file.

pub(crate) use eider_store_duckdb::{
    DuckDbStore as OpenStore, EngineRelease, FileHold, Finding, ScanBatch, StoreSettings, Thoroughness, begin_anew,
    contents, engine_linkage, examine,
};
