//! The table and the indexes of a schema.

use eider_domain::{Index, Schema, SystemField};
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

/// The indexes that a schema asks for.
pub(crate) fn create_indexes(schema: &Schema) -> Vec<String> {
    schema.indexes().iter().map(|index| create_index(schema, index)).collect()
}

/// Makes an index.
pub(crate) fn create_index(schema: &Schema, index: &Index) -> String {
    let unique = if index.is_unique { "UNIQUE " } else { "" };
    let columns: Vec<String> = index.fields.iter().map(ident::column).collect();
    format!(
        "CREATE {unique}INDEX {} ON {} ({})",
        ident::quoted(&names::index_name(schema.name(), index)),
        names::table(schema),
        columns.join(", ")
    )
}

/// Removes an index.
pub(crate) fn drop_index(schema: &Schema, index: &Index) -> String {
    format!("DROP INDEX {}", qualified(schema, index))
}

pub(crate) fn drop_index_if_there(schema: &Schema, index: &Index) -> String {
    format!("DROP INDEX IF EXISTS {}", qualified(schema, index))
}

fn qualified(schema: &Schema, index: &Index) -> String {
    format!("{}.{}", ident::quoted(names::RECORDS), ident::quoted(&names::index_name(schema.name(), index)))
}

/// Removes the table with its indexes.
pub(crate) fn drop_table(schema: &Schema) -> String {
    format!("DROP TABLE {}", names::table(schema))
}
