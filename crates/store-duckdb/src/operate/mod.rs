//! What operators need: checkpoints, copies, the log, metrics, and a look at a file.

pub(crate) mod backup;
pub(crate) mod checkpoint;
pub(crate) mod doctor;
pub(crate) mod metrics;
pub(crate) mod observing;
pub(crate) mod wal;
