//! Quoting. No other module puts a name or a literal into SQL.

use eider_domain::Field;

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
        Field::System(_) | Field::Property { .. } => quoted(field.name()),
    }
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
