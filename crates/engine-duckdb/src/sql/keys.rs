//! What tells a record from others.

use eider_domain::Field;

use crate::ident;

/// The key that a record has in these fields, as one value: that of one, or those of several; null where one of them is.
pub fn key(fields: &[Field]) -> String {
    let columns: Vec<String> = fields.iter().map(ident::column).collect();
    if let [column] = columns.as_slice() {
        return column.clone();
    }
    let present: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    format!("CASE WHEN {} THEN row({}) END", present.join(" AND "), columns.join(", "))
}
