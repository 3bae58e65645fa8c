//! Reads: what a file adds to those of the engine. Records by id and by an index, statistics, and ways to the records of a
//! scan.

pub(crate) mod by_index;
pub(crate) mod fetch;
pub(crate) mod indexes;
pub(crate) mod reads;
pub(crate) mod shortcuts;
pub(crate) mod statistics;
pub(crate) mod truth;
