//! Ports and use cases: the only vocabulary that storage adapters and edges share.
//!
//! A port is a trait that an adapter implements ([`ports::Store`] with its roles, [`ports::Clock`]). A use case is a
//! method of a service, such as [`RecordService`]. Rows cross both as Arrow record batches, never one by one.
//!
//! At the root are the services and their error. Everything else is imported from the module that it belongs to. The
//! modules are layers; each uses those above it in this list, and none below:
//!
//! | module | what is there |
//! |---|---|
//! | [`ports`] | what the use cases ask of the outside |
//! | [`access`] | keys, and who sends one |
//! | [`runtime`] | what every use case runs on: blocking work, time spent, memory, the system |
//! | [`records`] | records that are read: queries, cursors, tags, what a read costs |
//! | [`infer`], [`ingest`] | bodies decoded, and records written |
//! | [`quality`] | rules, profiles, advice |
//! | [`backup`], `schemas` | copies of everything, and schemas as a whole |

pub mod access;
pub mod backup;
mod error;
pub mod infer;
pub mod ingest;
pub mod ports;
pub mod quality;
pub mod records;
pub mod runtime;
mod schemas;

pub use backup::BackupService;
pub use error::{Error, ErrorCode};
pub use ingest::RecordService;
pub use quality::ValidationService;
pub use records::QueryService;
pub use schemas::{SchemaLimits, SchemaService};
