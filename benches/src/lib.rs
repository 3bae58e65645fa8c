//! Benchmarks of the parts that do the work; see `benches/`.
//!
//! ```sh
//! cargo bench --workspace --profile dev --bench decode
//! ```
//!
//! `--workspace` and `--profile dev`, which is optimised, share the compiled engine with the tests.

use std::sync::Arc;

use arrow_schema::{DataType, Schema as ArrowSchema, SchemaRef};

/// Real flights, a JSON object a line: samples/README.md.
pub const FLIGHTS: &str = include_str!("../../samples/flights.ndjson");
/// A schema for them.
pub const SCHEMA: &str = include_str!("../../samples/flights.schema.json");

/// A schema as arrow-json reads and writes it: with the zone of instants as an offset.
pub fn with_offset_zone(schema: &ArrowSchema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            field.as_ref().clone().with_data_type(DataType::Timestamp(*unit, Some("+00:00".into())))
        }
        _ => field.as_ref().clone(),
    });
    Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
}
