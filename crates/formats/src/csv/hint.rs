//! What to say of a body that is CSV of another dialect than it is read as.

use eider_domain::{Schema, SourceNames, SystemField};
use encoding_rs::UTF_8;

use super::cells::Cells;
use super::opening;
use crate::options::{CsvDialect, Delimiter};

/// Delimiters that a header is tried with, and what to call them.
const DELIMITERS: [(&str, &str); 7] =
    [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (",", "commas"), (":", "colons"), ("^", "`^`"), ("~", "`~`")];

/// What to say of text that is not of the encoding that it is read as.
pub(super) fn of_encoding(what: &str, dialect: &CsvDialect) -> String {
    if dialect.encoding == UTF_8 {
        return format!("{what} is not UTF-8; name its encoding, such as `csv.encoding=windows-1252`");
    }
    format!("{what} has bytes that are no {}", dialect.encoding.name())
}

/// What is wrong with a header whose columns are not the schema's, and the option that it may want: told by what the
/// header looks like, never acted upon.
pub(super) fn of_header(
    detail: String,
    header: &str,
    (schema, names): (&Schema, &SourceNames),
    dialect: &CsvDialect,
) -> String {
    if opening::separator(&format!("{header}\n")).is_some() {
        return format!("{detail}; `sep=` is read in the first line alone");
    }
    if let Some((sign, name)) = other_delimiter(header, (schema, names), dialect) {
        let option = if sign == "\t" { "%09".to_owned() } else { encoded(sign) };
        return format!(
            "{detail}; cells are between `{}` here, not {name}: say so with `csv.delimiter={option}`",
            dialect.delimiter
        );
    }
    if header.contains('\r') && !dialect.ends_at_cr {
        return format!("{detail}; lines that end with CR alone are told apart with `csv.line_end=any`");
    }
    detail
}

/// The delimiter by which a header has more cells than it has now: one that makes names of the schema of them, or
/// that stands in a name that is none.
fn other_delimiter(
    header: &str,
    (schema, names): (&Schema, &SourceNames),
    dialect: &CsvDialect,
) -> Option<(&'static str, &'static str)> {
    let is_known = |name: &str| {
        names.find(schema, name).is_some()
            || schema.property_index(name).is_some()
            || SystemField::ALL.into_iter().any(|field| field.name().eq_ignore_ascii_case(name))
    };
    let mut others = DELIMITERS.into_iter().filter(|(sign, _)| sign.as_bytes() != dialect.delimiter.as_bytes());
    others.find(|(sign, _)| {
        let Ok(delimiter) = Delimiter::parse(sign) else { return false };
        let other = CsvDialect { delimiter, ..*dialect };
        let cells: Vec<_> = Cells::of(header, &other).flatten().collect();
        let own = Cells::of(header, dialect).flatten().count();
        let known = cells.iter().filter(|cell| is_known(cell.text.trim())).count();
        cells.len() > own && (known > 0 || (own == 1 && matches!(*sign, ";" | "\t" | "|")))
    })
}

/// A sign as it stands in a query.
fn encoded(sign: &str) -> String {
    percent_encoding::utf8_percent_encode(sign, percent_encoding::NON_ALPHANUMERIC).to_string()
}
