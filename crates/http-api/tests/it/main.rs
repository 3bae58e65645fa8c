//! The API over real connections, on the in-memory store.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod advice;
mod answers;
mod app;
mod backup;
mod bad_records;
mod browsers;
mod bulk;
mod changes;
mod delivery;
mod encodings;
mod explain;
mod formats;
mod golden;
mod imports;
mod inference;
mod limits;
mod memory;
mod metrics;
mod modes;
mod openapi;
mod pages;
mod problems;
mod profiles;
mod queries;
mod query_bodies;
mod records;
mod representations;
mod resume;
mod round_trips;
mod schemas;
mod shape;
mod streams;
mod tls;
mod validations;
