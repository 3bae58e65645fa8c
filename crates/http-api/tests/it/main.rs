//! The API over real connections, on the in-memory store.

mod app;
mod bad_records;
mod bulk;
mod pages;
mod problems;
mod queries;
mod records;
mod schemas;
mod streams;
