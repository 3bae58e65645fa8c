//! Schemas proposed from records: for each column the strictest type that takes all of its values, and the evidence.
//!
//! What takes a value is decided by the code that checks records when they are written; here it is only counted.

mod column;
mod names;
mod proposal;
mod survey;

pub(crate) use column::{Fit, Identity};
pub use proposal::{Choice, Evidence, InferenceOptions, Proposal};
pub(crate) use survey::Survey;
