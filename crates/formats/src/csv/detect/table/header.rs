//! What of a table is its header: no row, the first, the first few, or one that leaves out the names of rows.

use super::kinds::{is_null_word, is_year, kind_of};
use super::{Findings, Row, Table};
use crate::options::{CsvOptions, Header, MAX_HEADER_ROWS};

/// Rows behind one that may be the header, which are compared with it.
const COMPARED_ROWS: usize = 20;
/// Rows behind a header of several rows, so that they tell what is no name.
const TYPED_ROWS: usize = 3;

/// How many of the cells of its rows a header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// All, as far as anybody can tell.
    All,
    /// All but the first, which names the rows.
    WithoutRowNames,
    /// All but the last, which is empty everywhere.
    WithoutEnds,
}

impl Naming {
    /// What the first row names of rows that have `width` cells.
    pub(super) fn of(rows: &[Row], width: usize) -> Self {
        let [header, rows @ ..] = rows else { return Self::All };
        let are_names = header.cells.iter().all(|(cell, is_quoted)| {
            (*is_quoted || kind_of(cell).is_none() || is_year(cell)) && !cell.trim().is_empty() && !is_null_word(cell)
        });
        let are_longer = !rows.is_empty() && rows.iter().all(|row| row.cells.len() == width);
        // A text without a delimiter is no header of others with one, unless its quotes say that it is a cell.
        let is_row = header.cells.len() > 1 || header.cells.iter().any(|(_, is_quoted)| *is_quoted);
        if !is_row || header.cells.len() + 1 != width || !are_names || !are_longer {
            return Self::All;
        }
        let is_empty = |row: &Row| row.cells.last().is_some_and(|(cell, is_quoted)| cell.is_empty() && !is_quoted);
        if rows.iter().all(is_empty) { Self::WithoutEnds } else { Self::WithoutRowNames }
    }

    /// Cells of a row that count.
    pub(super) fn width(self, width: usize) -> usize {
        if self == Self::WithoutEnds { width - 1 } else { width }
    }
}

/// Whether rows begin with names, as what is below them tells.
pub(super) fn is_named(rows: &[Row]) -> bool {
    matches!(rows, [header, body @ ..] if are_names(header) && typed_columns(header, body) * 2 > header.cells.len())
}

/// How many rows in front of the header of a table have no more than a title: `Report of May,,,`.
pub(super) fn titles_before(rows: &[Row], width: usize) -> usize {
    let is_title = |row: &Row| match row.filled() {
        0 => true,
        1 => width > 2 || row.cells.first().is_some_and(|(cell, _)| !cell.is_empty()),
        _ => false,
    };
    let titles = rows.iter().take_while(|row| row.cells.len() == width && is_title(row)).count();
    let Some([header, body @ ..]) = rows.get(titles..).filter(|_| titles > 0) else { return 0 };
    let most = body.iter().take(COMPARED_ROWS).map(Row::filled).max().unwrap_or_default();
    let is_header = header.filled() >= 2 && header.filled() * 2 >= most && are_names(header);
    // Of two columns, one may have no name: something has to tell the names from what is below them.
    if is_header && (width > 2 || typed_columns(header, body) > 0) { titles } else { 0 }
}

/// Whether no cell of a row is of a kind that names are not.
fn are_names(row: &Row) -> bool {
    row.cells.iter().all(|(cell, _)| kind_of(cell).is_none() || is_year(cell))
}

/// Columns of rows with values of one kind that have a name of another.
fn typed_columns(header: &Row, rows: &[Row]) -> usize {
    let is_typed = |column: usize| {
        let values = rows.iter().take(COMPARED_ROWS).filter_map(|row| row.cells.get(column));
        let mut kinds =
            values.filter(|(cell, _)| !cell.is_empty() && !is_null_word(cell)).map(|(cell, _)| kind_of(cell));
        matches!(kinds.next(), Some(Some(first)) if kinds.all(|kind| kind == Some(first)))
    };
    let names = header.cells.iter().enumerate();
    names.filter(|(column, (name, _))| !name.trim().is_empty() && !is_null_word(name) && is_typed(*column)).count()
}

/// How many of the first rows of a table name its columns, at least one.
fn naming_rows(rows: &[Row]) -> usize {
    let [first, rest @ ..] = rows else { return 1 };
    let most = usize::from(MAX_HEADER_ROWS).min(rest.len().saturating_sub(TYPED_ROWS));
    let further = rest[..most].iter().take_while(|row| row.cells.len() == first.cells.len() && are_names(row)).count();
    if !are_names(first) {
        return 1;
    }
    (1..=further)
        .find(|further| fill_gaps(&rows[..=*further], rows) || are_full(&rows[..=*further], rows))
        .map_or(1, |n| n + 1)
}

/// Whether rows name every column together and none does alone, since cells were merged: those behind the first fill
/// its gaps, and have none for the first column, which it names.
fn fill_gaps(rows: &[Row], all: &[Row]) -> bool {
    let [first, behind @ ..] = rows else { return false };
    let is_empty = |row: &Row, column: usize| row.cells[column].0.is_empty() && !row.cells[column].1;
    let mut columns = 1..first.cells.len();
    let has_value =
        |rows: &[Row], column: usize| rows.iter().any(|row| column < row.cells.len() && !is_empty(row, column));
    let are_named = columns.clone().all(|column| has_value(rows, column) || !has_value(all, column));
    let has_gaps = columns.any(|column| is_empty(first, column));
    are_named && has_gaps && !is_empty(first, 0) && behind.iter().all(|row| is_empty(row, 0))
}

/// Whether the last of the rows names every column, and most of the columns have values of another kind below it.
fn are_full(rows: &[Row], all: &[Row]) -> bool {
    let [.., last] = rows else { return false };
    let below = &all[rows.len()..];
    let is_full = last.cells.iter().all(|(cell, _)| !cell.trim().is_empty() && !is_null_word(cell));
    is_full && typed_columns(last, below) * 2 > last.cells.len()
}

impl Table {
    pub(super) fn describe_header(&self, options: &mut CsvOptions, findings: &mut Findings) {
        let [header, rows @ ..] = self.body() else { return };
        if options.header.is_some() {
            return;
        }
        if rows.is_empty() {
            if !are_names(header) {
                options.header = Some(Header::Absent);
                let detail = "the only row has values that are no names of columns";
                findings.note("csv.header", Header::Absent.to_string(), 0.6, detail);
            }
            return;
        }
        if self.naming == Naming::WithoutRowNames {
            options.header = Some(Header::RowNames);
            let detail = format!("the header has a cell less than each of {} rows, as that of R has", rows.len());
            let confidence = if rows.len() < TYPED_ROWS { 0.6 } else { 0.85 };
            findings.note("csv.header", Header::RowNames.to_string(), confidence, detail);
            return;
        }
        if self.describe_absence(header, options, findings) || options.header_rows.is_some() {
            return;
        }
        let count = naming_rows(self.body());
        if count > 1 {
            let count = u8::try_from(count).unwrap_or(MAX_HEADER_ROWS);
            options.header_rows = Some(count);
            let detail = format!("the first {count} rows have texts where those below have other values, or fill gaps");
            findings.note("csv.header_rows", count.to_string(), 0.6, detail);
        }
    }

    /// Says that there is no header, if the first row is as those below it.
    fn describe_absence(&self, header: &Row, options: &mut CsvOptions, findings: &mut Findings) -> bool {
        let (mut speak_for, mut speak_against) = (0_u32, 0_u32);
        for (index, (name, _)) in header.cells.iter().enumerate() {
            let mut kinds = self.column(index).map(kind_of);
            let Some(Some(kind)) = kinds.next() else { continue };
            if kinds.any(|other| other != Some(kind)) {
                continue;
            }
            // Tables have a column for each year.
            let is_year_of_others = is_year(name) && !self.column(index).all(is_year);
            if kind_of(name) == Some(kind) && !is_year_of_others {
                speak_against += 1;
            } else if !name.is_empty() {
                speak_for += 1;
            }
        }
        if speak_against <= speak_for {
            return false;
        }
        options.header = Some(Header::Absent);
        let detail = format!("{speak_against} cells of the first row are values such as those below them");
        let confidence = f64::from(speak_against) / f64::from(speak_against + speak_for + 1);
        findings.note("csv.header", Header::Absent.to_string(), confidence.max(0.6), detail);
        true
    }
}
