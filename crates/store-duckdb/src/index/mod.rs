//! Indexes beside the engine: from ids and from values of properties to places in commit order.
//!
//! They lead to records and are not the truth about them: the table is. What they lack is read from the table again
//! (`table::indexing`), and when the files are damaged or gone all of it is. So nothing here has to be synced, and a
//! failure costs time and never an answer.
//!
//! A record keeps its place until it is replaced or deleted. Its entries stay then, and lead to a place where nothing is;
//! whoever reads them asks `table::places`, or the table, which places still hold a record.

pub(crate) mod catalog;
pub(crate) mod entries;
pub(crate) mod key;
pub(crate) mod tree;
