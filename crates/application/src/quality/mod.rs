//! What the stored records are like: rules, profiles, advice, and what keeps a schema from changing.

pub(crate) mod advice;
pub(crate) mod contradictions;
pub(crate) mod profile;
pub(crate) mod validations;
