//! Writes: of many records, staged and committed in one transaction, and of single records that share one, or an entry in
//! the log of changes.

pub(crate) mod changes;
pub(crate) mod commit;
pub(crate) mod conflicts;
pub(crate) mod group;
pub(crate) mod id_filters;
pub(crate) mod indexing;
pub(crate) mod logged;
pub(crate) mod replay;
pub(crate) mod staging;
pub(crate) mod suggestions;
pub(crate) mod unique_keys;
pub(crate) mod unique_values;
pub(crate) mod writer;
