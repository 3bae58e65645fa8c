//! Reads of a relation: scans, aggregations, counts, profiles, and how the engine ran them.

mod count;
mod explain;
mod plan;
mod profile;
mod scan;

pub use count::{count, count_now};
pub use explain::explain;
pub use plan::{Plan, Planner};
pub use profile::profile;
pub use scan::{groups, records};
