//! Time and identity, injected so that tests can hold them still.

use std::fmt;

use eider_domain::{RecordId, Timestamp};

/// The time of day.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now, UTC, in microseconds.
    fn now(&self) -> Timestamp;
}

/// A source of record ids.
pub trait IdGenerator: fmt::Debug + Send + Sync + 'static {
    /// `count` new ids, increasing, greater than every id handed out before, and unique without being checked.
    fn next_ids(&self, count: usize) -> Vec<RecordId>;
}
