//! The names of what is in the file: its namespaces, and the table and the indexes of a schema.

use eider_domain::{Index, Schema, SchemaName};
use eider_engine_duckdb::ident::quoted;

/// The bare name of the namespace of the tables of records. A name with `$` cannot be that of the file, which the
/// engine takes for the name of the database.
pub(crate) const RECORDS: &str = "$records";

/// The quoted namespace of the catalog.
pub(crate) const CATALOG: &str = "\"$catalog\"";

/// The bare name of the table of a schema, below [`RECORDS`].
pub(crate) fn table_name(name: &SchemaName) -> String {
    name.key()
}

/// The qualified, quoted name of the table of a schema.
pub(crate) fn table(schema: &Schema) -> String {
    format!("{}.{}", quoted(RECORDS), quoted(&table_name(schema.name())))
}

/// The bare name of an index: that of the schema and those of its fields. No name has a `$`.
pub(crate) fn index_name(name: &SchemaName, index: &Index) -> String {
    let fields = index.fields.iter().map(|field| format!("${}", field.name().to_ascii_lowercase()));
    fields.fold(name.key(), |name, field| name + &field)
}
