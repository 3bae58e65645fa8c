//! What the stored records are like: rules, profiles, advice, and what keeps a schema from changing.

mod advice;
mod existing_data;
mod profile;
mod validations;

pub use advice::{IndexAdvice, IndexCandidate, UnusedIndex};
pub use existing_data::ExistingDataCheck;
pub use validations::{
    AppliedRules, Issues, ValidationJob, ValidationLimits, ValidationProgress, ValidationService, ValidationState,
    ValidationStatistics,
};
