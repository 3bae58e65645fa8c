//! The engine: an instance, a pool of connections to it, and the one way to them. Knows no schema.

pub mod functions;
pub mod instance;
pub mod interrupt;
pub mod pool;
pub mod release;
pub mod settings;
pub mod statistics;
pub mod uses;
pub mod version;
pub mod worker;
