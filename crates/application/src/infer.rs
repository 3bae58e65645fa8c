//! Schemas proposed from records: for each column the strictest type that takes all of its values, and the evidence.
//!
//! What takes a value is decided, and counted, by `eider_formats::Sample`.

mod dialect;
#[cfg(test)]
mod lossless_tests;
mod names;
mod proposal;
#[cfg(test)]
mod tests;

pub use proposal::{Choice, Evidence, InferenceOptions, Proposal};
