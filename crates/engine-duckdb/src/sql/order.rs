//! Orders and places in them as SQL. Nulls come last in both directions; ties are in commit order.

use eider_domain::{DataType, Direction, Position, SortKey, Value};

use super::Statement;
use crate::ident;

/// All records whose key comes before a value, and not before another.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRange {
    /// The first key of a sort.
    pub key: SortKey,
    /// Where the records begin that are asked for, if it is known for certain.
    pub from: Option<Value>,
    /// The first value that is out of the range.
    pub end: Value,
}

/// Appends `ORDER BY`, or nothing for commit order, which is the order of the table.
pub(super) fn push_order(statement: &mut Statement, sort: &[SortKey]) {
    if sort.is_empty() {
        return;
    }
    statement.push(" ORDER BY ");
    push_keys(statement, sort);
    statement.push(", ");
    statement.push(ident::SEQUENCE);
}

/// Appends sort keys; there is at least one.
pub(super) fn push_keys(statement: &mut Statement, sort: &[SortKey]) {
    for (index, key) in sort.iter().enumerate() {
        if index > 0 {
            statement.push(", ");
        }
        statement.push(&ident::column(&key.field));
        statement.push(match key.direction {
            Direction::Ascending => " ASC NULLS LAST",
            Direction::Descending => " DESC NULLS LAST",
        });
    }
}

/// Appends the condition that the value of a key is within a range.
pub(super) fn push_within(statement: &mut Statement, range: &KeyRange) {
    let KeyRange { key, from, end } = range;
    let (column, data_type) = (ident::column(&key.field), key.field.data_type());
    let (since, before) = if key.direction == Direction::Ascending { (">=", "<") } else { ("<=", ">") };
    if let Some(from) = from {
        statement.push(&format!("{column} {since} "));
        statement.bind(data_type, from);
        statement.push(" AND ");
    }
    statement.push(&format!("{column} {before} "));
    statement.bind(data_type, end);
}

/// Appends the condition that a record comes after a place in the order.
///
/// The place is spelled out key by key, since a comparison of rows knows neither mixed directions nor nulls. The
/// first key's own range comes first and is redundant: it alone lets the engine skip row groups.
pub(super) fn push_after(statement: &mut Statement, sort: &[SortKey], position: &Position) {
    if let Some((key, value)) = sort.first().zip(position.keys.first()).filter(|(_, value)| **value != Value::Null) {
        let comparison = if key.direction == Direction::Ascending { ">=" } else { "<=" };
        push_range(statement, key, comparison, value);
        statement.push(" AND ");
    }
    statement.push("(");
    for (index, key) in sort.iter().enumerate() {
        push_equal_prefix(statement, &sort[..index], &position.keys);
        let comparison = if key.direction == Direction::Ascending { ">" } else { "<" };
        match &position.keys[index] {
            // Only ties come after a null.
            Value::Null => statement.push("FALSE"),
            value => push_range(statement, key, comparison, value),
        }
        statement.push(") OR ");
    }
    push_equal_prefix(statement, sort, &position.keys);
    statement.push(ident::SEQUENCE);
    statement.push(" > ");
    statement.bind(DataType::Integer, &Value::Integer(position.sequence));
    statement.push("))");
}

/// Appends `(k0 = v0 AND k1 = v1 AND `, with the parenthesis left open.
fn push_equal_prefix(statement: &mut Statement, sort: &[SortKey], values: &[Value]) {
    statement.push("(");
    for (key, value) in sort.iter().zip(values) {
        statement.push(&ident::column(&key.field));
        if *value == Value::Null {
            statement.push(" IS NULL");
        } else {
            statement.push(" = ");
            statement.bind(key.field.data_type(), value);
        }
        statement.push(" AND ");
    }
}

fn push_range(statement: &mut Statement, key: &SortKey, comparison: &str, value: &Value) {
    let column = ident::column(&key.field);
    statement.push(&format!("({column} {comparison} "));
    statement.bind(key.field.data_type(), value);
    statement.push(&format!(" OR {column} IS NULL)"));
}
