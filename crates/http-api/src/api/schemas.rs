//! Schemas: made, listed, described, changed and removed; proposed from records; what they hold and how they are read.

pub(super) mod advice;
pub(super) mod create;
pub(super) mod definition;
pub(super) mod describe;
pub(super) mod evolve;
pub(super) mod infer;
pub(super) mod list;
pub(super) mod profile;
pub(super) mod remove;
mod stored;
pub(super) mod versions;
