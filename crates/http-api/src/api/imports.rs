//! Reports of what was wrong with bulk calls.

pub(super) mod failures;
