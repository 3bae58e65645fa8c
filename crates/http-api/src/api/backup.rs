//! Copies of everything.

pub(super) mod download;
pub(super) mod receipt;
