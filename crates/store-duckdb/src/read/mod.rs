//! Reads: scans, records by id, profiles, statistics and plans.

pub(crate) mod explain;
pub(crate) mod reads;
pub(crate) mod scan;
pub(crate) mod statistics;
