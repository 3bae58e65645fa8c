//! The names of what is in the file: its namespaces, and the table and the indexes of a schema.

use eider_domain::{Field, Index, Schema, SchemaName};
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

/// The bare name of an index: that of the schema and those of its fields, each behind a `$`. In them `$` is `~1` and `~` is
/// `~0`, so that no two indexes of a schema have one name.
pub(crate) fn index_name(name: &SchemaName, index: &Index) -> String {
    let part = |field: &Field| field.name().to_ascii_lowercase().replace('~', "~0").replace('$', "~1");
    index.fields.iter().fold(name.key(), |name, field| format!("{name}${}", part(field)))
}

#[cfg(test)]
mod tests {
    use eider_domain::{DataType, PropertyName};

    use super::*;

    fn properties(names: &[&str]) -> Vec<Field> {
        let field = |(index, name): (usize, &&str)| Field::Property {
            name: PropertyName::parse(name).unwrap(),
            data_type: DataType::Integer,
            index,
        };
        names.iter().enumerate().map(field).collect()
    }

    #[test]
    fn no_two_indexes_have_one_name() {
        let schema = SchemaName::parse("s").unwrap();
        let name = |names: &[&str]| index_name(&schema, &Index { fields: properties(names), is_unique: false });
        assert_eq!(name(&["Carrier", "flight"]), "s$carrier$flight");
        let names = [&["a", "b"][..], &["a$b"], &["a$", "b"], &["a", "$b"], &["a~1b"], &["a~", "1b"]].map(name);
        for (position, one) in names.iter().enumerate() {
            assert!(!names[..position].contains(one), "{one}");
        }
    }
}
