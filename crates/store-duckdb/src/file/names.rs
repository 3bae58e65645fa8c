//! The names of what is in the file and beside it: its namespaces, the table of a schema, the directory of indexes.

use std::path::{Path, PathBuf};

use eider_domain::{Schema, SchemaName};
use eider_engine_duckdb::ident::quoted;

use crate::file::disk;

/// The bare name of the namespace of the tables of records. A name with `$` cannot be that of the file, which the
/// engine takes for the name of the database.
pub(crate) const RECORDS: &str = "$records";

/// The directory of the indexes, beside the file.
pub(crate) fn index_directory(path: &Path) -> PathBuf {
    disk::beside(path, ".index")
}

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
