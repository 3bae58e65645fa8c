//! Rules: checked against what is stored, and what breaks them.

pub mod issues;
pub mod validation;
