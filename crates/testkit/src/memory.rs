//! A store in memory that does what the ports say in the simplest way: the oracle for every other store.

mod aggregate;
mod change;
mod conflicts;
mod evolution;
mod faults;
mod profile;
mod quality;
mod scan;
mod store;
mod table;
mod writer;

pub use faults::{Operation, ScanGate};
pub use store::MemoryStore;
