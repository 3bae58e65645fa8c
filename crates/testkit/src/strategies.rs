//! Generators for `proptest`: schemas, records, filters and queries, with the edges that matter made likely.

mod aggregation;
mod query;
mod schema;
mod value;

pub use aggregation::aggregation;
pub use query::{filter, query, scan_request, sort};
pub use schema::{data_type, definition, name, records};
pub use value::{text, value};
