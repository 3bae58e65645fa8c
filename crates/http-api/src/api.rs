//! The routes, by what they are about; each action is a file.

mod advice;
mod aliases;
mod backup;
mod bulk;
mod docs;
mod errors;
mod explain;
mod front;
mod health;
mod imports;
mod infer;
mod metrics;
mod monitoring;
mod openapi;
mod pages;
mod problems;
mod profile;
mod query;
mod records;
mod route;
mod routes;
mod schemas;
mod stream;
mod validations;

pub(crate) use route::{NamedSchemas, Route};
pub(crate) use routes::{BASE, configure, represented};
