//! What every use case runs on: blocking work, time spent, memory, the system.

pub mod blocking;
mod memory_guard;
pub mod recorder;
mod system;
pub mod timings;

pub use memory_guard::{MemoryGuard, MemoryGuardSettings, MemoryPressure, MemoryStatistics, Reservation};
pub use system::{DigestFile, FileReports, FileStamp, KeyFile, KeyFileError, SystemClock, UuidV7Generator};
