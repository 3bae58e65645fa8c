//! The table of a schema.

use eider_domain::{Schema, SystemField};
use eider_engine_duckdb::ident;
use eider_engine_duckdb::sql::column_type;

use crate::file::names;

/// The table of a schema. The id has no index: see the decision on identity. It is kept as it is: ids that grow would be
/// packed to two thirds of their size, and take longer to unpack than everything else that a query does with them.
pub(crate) fn create_table(schema: &Schema) -> String {
    let system = SystemField::ALL.map(|field| {
        let compression = if field == SystemField::Id { " USING COMPRESSION uncompressed" } else { "" };
        format!("{} {} NOT NULL{compression}", ident::quoted(field.name()), column_type(field.data_type()))
    });
    let properties = schema.properties().iter().map(|property| {
        let constraint = if property.is_required { " NOT NULL" } else { "" };
        format!("{} {}{constraint}", ident::property(&property.name), column_type(property.data_type))
    });
    // Columns that are added later come last, as their properties do.
    let sequence = format!("{} BIGINT NOT NULL", ident::SEQUENCE);
    let columns: Vec<String> = [sequence].into_iter().chain(system).chain(properties).collect();
    format!("CREATE TABLE {} ({})", names::table(schema), columns.join(", "))
}

/// Removes the table.
pub(crate) fn drop_table(schema: &Schema) -> String {
    format!("DROP TABLE {}", names::table(schema))
}
