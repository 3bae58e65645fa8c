//! Records that are read: queries, their cursors and tags, what they cost.

pub(crate) mod cursors;
pub(crate) mod explain;
pub(crate) mod query;
pub(crate) mod read_log;
pub(crate) mod tags;
