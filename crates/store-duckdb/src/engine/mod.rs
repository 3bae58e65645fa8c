//! The engine: one instance on one file, a pool of connections, and the one way to them. Knows no schema.

pub(crate) mod columns;
pub(crate) mod disk;
pub(crate) mod error;
pub(crate) mod figures;
pub(crate) mod functions;
pub(crate) mod ident;
pub(crate) mod instance;
pub(crate) mod interrupt;
pub(crate) mod observed;
pub(crate) mod pool;
pub(crate) mod release;
pub(crate) mod settings;
pub(crate) mod uses;
pub(crate) mod version;
pub(crate) mod worker;
