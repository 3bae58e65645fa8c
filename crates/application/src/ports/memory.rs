//! The port to what is known of memory.

use std::fmt;

/// Where a limit of memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimitSource {
    /// A setting.
    Setting,
    /// The control group of the process, or one above it.
    ControlGroup,
    /// The machine has no more.
    Machine,
}

impl MemoryLimitSource {
    /// What clients are shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::ControlGroup => "control_group",
            Self::Machine => "machine",
        }
    }
}

/// Memory at one moment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryReading {
    /// What may be used.
    pub limit_bytes: u64,
    /// What is used of it, without what the system gives back by itself, as caches of files.
    pub used_bytes: u64,
    /// Resident memory of the process.
    pub resident_bytes: u64,
    /// Where the limit comes from.
    pub source: MemoryLimitSource,
}

/// Reads how much memory there is and how much is used.
pub trait MemoryProbe: fmt::Debug + Send + 'static {
    /// `None` on a system that does not say. Reads a few files of the system, and so is called off the event loop.
    fn read(&mut self) -> Option<MemoryReading>;
}
