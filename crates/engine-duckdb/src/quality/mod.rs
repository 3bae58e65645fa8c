//! Rules: checked against what is stored, what breaks them, and what they suggest.

mod issues;
mod suggestions;
mod validation;

pub use suggestions::{Suggested, suggest};
pub use validation::validate;
