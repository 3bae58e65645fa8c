//! What answers share: those that are kept, what they are called as files, and those that are lines.

pub(crate) mod cache;
pub(crate) mod disposition;
pub(crate) mod kept;
pub(crate) mod lines;
