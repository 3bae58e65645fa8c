//! Reads: what a file adds to those of the engine. Records by id, statistics, and ways to the records of a scan.

pub(crate) mod indexes;
pub(crate) mod reads;
pub(crate) mod shortcuts;
pub(crate) mod statistics;
