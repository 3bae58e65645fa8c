//! Quoting. No other module puts a name or a literal into SQL.

use eider_domain::{Field, PropertyName};

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

/// The quoted column of a field. Columns of an aggregation go by their place: their names may be those of the table's.
pub fn column(field: &Field) -> String {
    match field {
        Field::Computed { index, .. } => quoted(&format!("${index}")),
        Field::System(field) => quoted(field.name()),
        Field::Property { name, .. } => property(name),
    }
}

/// The quoted column of a property.
pub fn property(name: &PropertyName) -> String {
    quoted(&property_name(name))
}

/// The bare name of the column of a property: its own. Columns of the store begin with a single `$`, so that a name that
/// begins so has another in front.
pub fn property_name(name: &PropertyName) -> String {
    let own = if name.as_str().starts_with('$') { "$" } else { "" };
    format!("{own}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_property_has_a_column_of_the_store() {
        let column_of = |name: &str| {
            let name = PropertyName::parse(name).unwrap();
            column(&Field::Property { name, data_type: eider_domain::DataType::Integer, index: 0 })
        };
        let columns = ["$sequence", "$$a", "a$", "$0"].map(column_of);
        assert_eq!(columns, ["\"$$sequence\"", "\"$$$a\"", "\"a$\"", "\"$$0\""]);
    }

    #[test]
    fn quotes_cannot_end_what_is_quoted() {
        assert_eq!(quoted("a\"; DROP TABLE b; --"), "\"a\"\"; DROP TABLE b; --\"");
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(text("a'b"), "'a''b'");
        assert_eq!(text("\0'\0"), "concat('', chr(0), '''', chr(0), '')");
    }
}
