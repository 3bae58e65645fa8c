//! The routes, in folders by what they are about; each action is a file.

mod answer;
mod backup;
mod docs;
mod imports;
mod monitoring;
pub(crate) mod openapi;
mod problems;
mod records;
mod route;
mod routes;
mod schemas;
mod validations;

pub(crate) use records::{Count, Explanation, PagePlace};
pub(crate) use route::{NamedSchemas, Route};
pub(crate) use routes::{BASE, configure};
