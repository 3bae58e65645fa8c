//! Reads: profiles.

pub mod profile;
