//! What stores that have DuckDB for an engine share.

pub mod columns;
pub mod connection;
pub mod error;
pub mod ident;
pub mod quality;
pub mod read;
mod relation;
pub mod sql;

pub use duckdb::{AccessMode, Config, Connection, Error, Row, ToSql, params, params_from_iter};
pub use relation::Relation;
