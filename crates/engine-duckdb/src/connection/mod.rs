//! The engine: an instance, a pool of connections to it, and the one way to them. Knows no schema.
//!
//! A store opens an instance after [`check_release`], registers the [domain's functions](register_functions), applies its
//! [settings](InstanceSettings::apply), and gives it to a [`Pool`]. From then on it calls the engine through [`worker`],
//! which leaves the event loop.

pub(crate) mod functions;
mod instance;
pub(crate) mod interrupt;
pub(crate) mod pool;
mod release;
pub(crate) mod settings;
mod statistics;
pub(crate) mod uses;
pub(crate) mod version;
pub mod worker;

pub use functions::register as register_functions;
pub use instance::connect;
pub use pool::{Pool, PoolStatus};
pub use release::{EngineRelease, check as check_release, engine_linkage};
pub use settings::{InstanceSettings, PoolSettings, ScanBatch};
pub use statistics::{ConnectionStatistics, EngineMemory, MemoryTag};
pub use uses::{Uses, Waiting};
pub use version::{Changing, TableVersion};
