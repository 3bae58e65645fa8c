//! Where bodies wait that are not read front to back, and the memory that reading them takes.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Sets memory aside before much of it is taken.
///
/// A few bytes of a compressed page stand for gigabytes, so that a reader asks before it inflates one. Who runs the
/// reader knows how much memory there is.
pub trait MemoryBudget: fmt::Debug + Send + Sync {
    /// Sets so many bytes aside until what it returns is dropped; `None` when they are not there.
    fn reserve(&self, bytes: u64) -> Option<Box<dyn Any + Send>>;
}

/// As much memory as there is.
#[derive(Debug, Clone, Copy)]
struct Unlimited;

impl MemoryBudget for Unlimited {
    fn reserve(&self, _bytes: u64) -> Option<Box<dyn Any + Send>> {
        Some(Box::new(()))
    }
}

/// Where bodies wait that are not read front to back, and the memory that reading them takes.
#[derive(Debug, Clone)]
pub struct Spooling {
    /// For files without a name.
    pub directory: PathBuf,
    /// Where memory is reserved before pages are decompressed.
    pub memory: Arc<dyn MemoryBudget>,
}

impl Default for Spooling {
    /// The system's directory for temporary files, and as much memory as there is.
    fn default() -> Self {
        Self { directory: std::env::temp_dir(), memory: Arc::new(Unlimited) }
    }
}
