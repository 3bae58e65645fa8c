//! The DuckDB store from outside.

mod contract;
