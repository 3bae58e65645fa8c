//! What every use case runs on: blocking work, time spent, memory, the system.

pub mod blocking;
pub(crate) mod memory_guard;
pub mod recorder;
pub(crate) mod system;
pub mod timings;
