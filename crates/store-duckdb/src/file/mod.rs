//! The file: opened and looked at, what operators set of it, and its figures.

pub(crate) mod disk;
pub(crate) mod figures;
pub(crate) mod instance;
pub(crate) mod names;
pub(crate) mod observed;
pub(crate) mod settings;
