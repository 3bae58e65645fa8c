//! Benchmarks of the parts that do the work; see `benches/`.
//!
//! ```sh
//! cargo bench --workspace --profile dev --bench decode
//! ```
//!
//! `--workspace` and `--profile dev`, which is optimised, share the compiled engine with the tests.

/// Real flights, a JSON object a line: samples/README.md.
pub const FLIGHTS: &str = include_str!("../../samples/flights.ndjson");
/// A schema for them.
pub const SCHEMA: &str = include_str!("../../samples/flights.schema.json");
