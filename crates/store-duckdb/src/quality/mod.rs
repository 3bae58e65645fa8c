//! Rules: checked against what is stored, what breaks them, and what they suggest.

pub(crate) mod issues;
pub(crate) mod suggestions;
pub(crate) mod validation;
