//! What answers share: those that are kept, and what they are called as files.

pub(crate) mod cache;
pub(crate) mod disposition;
pub(crate) mod kept;
