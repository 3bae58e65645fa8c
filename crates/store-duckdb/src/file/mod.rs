//! The file: opened and looked at, what operators set of it, and its statistics.

pub(crate) mod change_log;
pub(crate) mod disk;
pub(crate) mod instance;
pub(crate) mod names;
pub(crate) mod observed;
pub(crate) mod settings;
pub(crate) mod statistics;
