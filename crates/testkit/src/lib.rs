//! What tests of every crate share: a store in memory, a clock and ids that hold still, generators, and the
//! contract that every store must pass.
//!
//! [`MemoryStore`] is the oracle: it does what the ports say in the simplest way. [`store_contract!`]
//! runs the [`contract`] against any store, one test per case.

mod batch;
mod clock;
mod column;
pub mod contract;
mod ids;
mod memory;
mod query;
pub mod reference;
mod reports;
pub mod strategies;

pub use batch::{batch, created_at, integers, rows, schema, schema_created_at, values};
pub use clock::FixedClock;
pub use contract::Fixture;
pub use ids::SequentialIds;
pub use memory::{MemoryStore, Operation, ScanGate};
pub use query::{aggregation, all_of, any_of, condition, not, projection, sort};
pub use reports::MemoryReports;
