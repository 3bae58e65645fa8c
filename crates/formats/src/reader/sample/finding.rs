//! What a sample speaks for beside the types of its columns.

/// An option that a body should be read with, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The option.
    pub option: &'static str,
    /// Its value, as a call has it.
    pub value: String,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// What speaks for it, for a person.
    pub detail: String,
}
