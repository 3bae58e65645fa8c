//! What tells a record from others.

use eider_domain::Field;

use crate::ident;

/// The key that a record has in these fields: the value of one, or those of several; null where one of them is.
pub(crate) fn key(fields: &[Field]) -> String {
    let columns: Vec<String> = fields.iter().map(ident::column).collect();
    key_of(&columns)
}

/// The same of quoted columns.
pub(crate) fn key_of(columns: &[String]) -> String {
    if let [column] = columns {
        return column.clone();
    }
    let present: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    format!("CASE WHEN {} THEN row({}) END", present.join(" AND "), columns.join(", "))
}
