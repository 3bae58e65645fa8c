//! The DuckDB store from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backup;
mod by_index;
mod change_log;
mod changes;
mod contract;
mod damage;
mod doctor;
mod fixture;
mod groups;
mod identity;
mod persistence;
mod plans;
mod pooling;
mod profiles;
mod ranges;
mod reads;
mod statistics;
mod unique;
