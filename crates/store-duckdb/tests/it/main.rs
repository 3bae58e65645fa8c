//! The DuckDB store from outside.

mod contract;
mod fixture;
mod persistence;
mod plans;
mod pooling;
