//! Quoting. No other module puts a name or a literal into SQL.

use eider_domain::{Field, Index, Schema, SchemaName};

/// The bare name of the namespace of the tables of records. A name with `$` cannot be that of the file, which the
/// engine takes for the name of the database.
pub const RECORDS: &str = "$records";

/// The quoted namespace of the catalog.
pub const CATALOG: &str = "\"$catalog\"";

/// The hidden column that numbers records in commit order.
pub const SEQUENCE: &str = "\"$sequence\"";

/// A name as a quoted identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a string literal; for settings, which cannot be bound.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text of a client as an expression, where it cannot be bound: a statement ends at its first U+0000, so none may stand
/// in it.
pub fn text(text: &str) -> String {
    let parts: Vec<String> = text.split('\0').map(literal).collect();
    if parts.len() == 1 { parts.concat() } else { format!("concat({})", parts.join(", chr(0), ")) }
}

/// The bare name of the table of a schema, below [`RECORDS`].
pub fn table_name(name: &SchemaName) -> String {
    name.key()
}

/// The qualified, quoted name of the table of a schema.
pub fn table(schema: &Schema) -> String {
    format!("{}.{}", quoted(RECORDS), quoted(&table_name(schema.name())))
}

/// The quoted column of a field. Columns of an aggregation go by their place: their names may be those of the table's.
pub fn column(field: &Field) -> String {
    match field {
        Field::Computed { index, .. } => quoted(&format!("${index}")),
        Field::System(_) | Field::Property { .. } => quoted(field.name()),
    }
}

/// The bare name of an index: that of the schema and those of its fields. No name has a `$`.
pub fn index_name(name: &SchemaName, index: &Index) -> String {
    let fields = index.fields.iter().map(|field| format!("${}", field.name().to_ascii_lowercase()));
    fields.fold(name.key(), |name, field| name + &field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_end_what_is_quoted() {
        assert_eq!(quoted("a\"; DROP TABLE b; --"), "\"a\"\"; DROP TABLE b; --\"");
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(text("a'b"), "'a''b'");
        assert_eq!(text("\0'\0"), "concat('', chr(0), '''', chr(0), '')");
    }
}
