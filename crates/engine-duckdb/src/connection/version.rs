//! Versions of the tables of schemas, by which reads know that one has changed under them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eider_application::ports::StoreError;

use crate::error::schema_changed;

/// Tells a version of a schema's table from those before and after it.
#[derive(Debug, Clone)]
pub struct TableVersion {
    /// Grows by 1 when a change is about to be committed, and by 1 again when its schema is known. Shared by all versions.
    current: Arc<AtomicU64>,
    own: u64,
}

impl TableVersion {
    /// Of a table that is new.
    pub fn first() -> Self {
        Self { current: Arc::default(), own: 0 }
    }

    /// That of the next version.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { current: Arc::clone(&self.current), own: self.own + 2 }
    }

    /// Ends the change that led to this version: its schema is known.
    pub fn make_current(&self) {
        self.current.store(self.own, Ordering::SeqCst);
    }

    /// Whether both are of one table, and not of one that was made anew under its name.
    pub fn is_of_the_table_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.current, &other.current)
    }

    /// Fails unless the table is of this version: what was bound to it before the call is.
    ///
    /// # Errors
    /// `SchemaChanged`.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.current.load(Ordering::SeqCst) == self.own { Ok(()) } else { Err(schema_changed()) }
    }

    /// Runs a query on the table, the outcome of which counts only when the table was of this version throughout.
    ///
    /// # Errors
    /// `SchemaChanged`, and whatever the query fails with.
    pub(crate) fn during<T>(&self, query: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let outcome = query();
        self.check().and(outcome)
    }
}

/// While it is held the version of a table is open. Dropped before the next version was made known, it leaves the one before.
#[derive(Debug)]
pub struct Changing(TableVersion);

impl Changing {
    /// Begins the change that leads from a version to its next.
    pub fn begin(version: TableVersion) -> Self {
        version.current.store(version.own + 1, Ordering::SeqCst);
        Self(version)
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let (from, to) = (self.0.own + 1, self.0.own);
        // Nothing else ends it: the write lock is held.
        let _ = self.0.current.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }
}
