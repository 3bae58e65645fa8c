//! Bodies that are read without a schema: of each column, which types take its values, and where it lacks one.
//!
//! What takes a value is decided by the code that checks records when they are written; here it is only counted.

mod column;
mod columns;
mod digits;
mod finding;
mod forms;
mod rows;
mod survey;

pub use column::{Candidate, Column, Noted, VALUES_A_REPETITION, Values};
pub(crate) use column::{Fit, Identity, is_trimmed};
pub(crate) use columns::ColumnSample;
pub(crate) use digits::{fit_of_digits, is_rounded};
pub use finding::Finding;
pub use forms::{Form, Forms, truths};
pub(crate) use rows::{RecordSampler, RowSample, TYPES, TypeTrial, slot_of};
pub use survey::Survey;
