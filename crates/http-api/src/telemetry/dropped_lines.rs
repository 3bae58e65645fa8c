//! Lines of the log that nobody read in time.

use std::fmt;
use std::sync::Arc;

/// How many lines of the log were dropped since the start. Clones ask the same.
#[derive(Clone)]
pub struct DroppedLines(Arc<dyn Fn() -> u64 + Send + Sync>);

impl DroppedLines {
    /// Of a log that can be asked.
    pub fn new(count: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(count))
    }

    pub(crate) fn count(&self) -> u64 {
        (self.0)()
    }
}

impl Default for DroppedLines {
    /// Of a log that drops none.
    fn default() -> Self {
        Self::new(|| 0)
    }
}

impl fmt::Debug for DroppedLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DroppedLines").field(&self.count()).finish()
    }
}
