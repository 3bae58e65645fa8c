//! What stores that have DuckDB for an engine share: the engine itself, and everything that reads.
//!
//! A store opens an instance and makes a [`Pool`](connection::Pool) of connections to it. For each version of a schema
//! it makes a [`Relation`], which says what the records are read from. Reads and rules then need nothing else of it:
//!
//! ```ignore
//! let relation = Arc::new(Relation::new(schema, "\"records\".\"flights\"", TableVersion::first()));
//! let stream = read::records(&pool, Arc::clone(&relation), request, planner, ScanBatch::default()).await?;
//! let profile = read::profile(&pool, relation, &request).await?;
//! ```
//!
//! Writing is the store's own: it runs SQL on a [`Connection`] that [`connection::worker`] lends it, with names quoted by
//! [`ident`], columns made by [`columns`], and failures told by [`error`].
//!
//! The rooms, each of which uses those below it:
//!
//! | room | what is there |
//! |---|---|
//! | [`quality`] | rules: checked, and what they suggest |
//! | [`read`] | scans, aggregations, counts, profiles, plans |
//! | [`sql`] | statements, and what they yield |
//! | `relation` | [`Relation`] |
//! | [`connection`] | an instance, its settings, the pool, the threads that use it |
//! | [`columns`] | Arrow as the ports have it and as the engine has it |
//! | [`ident`], [`error`] | quoting; what failures mean |
//!
//! Release and features of the engine are chosen in this crate's manifest, for every crate above it.

pub mod columns;
pub mod connection;
pub mod error;
pub mod ident;
pub mod quality;
pub mod read;
mod relation;
pub mod sql;

pub use duckdb::{AccessMode, Config, Connection, Error, ToSql, params, params_from_iter};
pub use relation::Relation;
