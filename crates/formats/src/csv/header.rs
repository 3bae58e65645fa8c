//! The names of columns, from the row that has them, or the rows.

use super::cells::{Cell, Cells, Misquoted};
use super::hint;
use crate::options::CsvDialect;

/// The names of the columns that a header has, one for each cell of a record.
///
/// A column that several rows name has their texts, from above with a space between them. A cell of an upper row that
/// is empty stands for the one to its left, as merged cells of spreadsheets do, where a row below has a text.
///
/// # Errors
/// A sentence about what is wrong with a row.
pub(super) fn names_of(rows: &[Vec<u8>], dialect: &CsvDialect) -> Result<Vec<String>, String> {
    let rows = rows.iter().map(|row| texts_of(row, dialect)).collect::<Result<Vec<_>, _>>()?;
    let [upper @ .., last] = rows.as_slice() else { return Ok(Vec::new()) };
    let mut names = if upper.is_empty() { last.clone() } else { joined(upper, last) };
    if dialect.has_row_names {
        names.insert(0, String::new());
    }
    Ok(names)
}

fn texts_of(row: &[u8], dialect: &CsvDialect) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(row).map_err(|_| hint::of_encoding("the header row", dialect))?;
    let cells: Result<Vec<Cell<'_>>, Misquoted> = Cells::of(text, dialect).collect();
    let cells = cells.map_err(|Misquoted| "the header row has a quote where none may stand".to_owned())?;
    Ok(cells.into_iter().map(|cell| cell.text.into_owned()).collect())
}

fn joined(upper: &[Vec<String>], last: &[String]) -> Vec<String> {
    let width = upper.iter().map(Vec::len).chain([last.len()]).max().unwrap_or_default();
    let text = |row: &[String], column: usize| row.get(column).map_or("", |text| text.trim()).to_owned();
    let mut names: Vec<String> = (0..width).map(|column| text(last, column)).collect();
    for (place, row) in upper.iter().enumerate().rev() {
        let mut left = String::new();
        for (column, name) in names.iter_mut().enumerate() {
            let own = text(row, column);
            // What is merged reaches no further than what it is part of.
            if !own.is_empty() || upper[..place].iter().any(|above| !text(above, column).is_empty()) {
                left.clone_from(&own);
            }
            let above = if own.is_empty() && !name.is_empty() { &left } else { &own };
            if name.is_empty() || above.is_empty() {
                name.insert_str(0, above);
            } else {
                name.insert_str(0, &format!("{above} "));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{CsvOptions, Delimiter};

    fn names(rows: &[&str], has_row_names: bool) -> Vec<String> {
        let dialect = CsvDialect { has_row_names, ..CsvOptions::default().dialect(Delimiter::COMMA) };
        names_of(&rows.iter().map(|row| row.as_bytes().to_vec()).collect::<Vec<_>>(), &dialect).unwrap()
    }

    #[test]
    fn a_column_has_the_texts_of_all_rows_that_name_it() {
        assert_eq!(names(&["a,\"b,\", c"], false), ["a", "b,", " c"]);
        assert_eq!(names(&["x,y"], true), ["", "x", "y"]);
        let spreadsheet = ["Day,Trip,,,Total", ",Air,Rail,,", "GMT,,,,EUR"];
        assert_eq!(names(&spreadsheet, false), ["Day GMT", "Trip Air", "Trip Rail", "", "Total EUR"]);
        assert_eq!(names(&["a", "x,y"], false), ["a x", "a y"]);
    }
}
