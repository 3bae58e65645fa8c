//! Where in a text its table is: lines in front of it, comments, its header, rows that are too short, decimals.

mod header;
mod kinds;

use self::header::{Naming, is_named, titles_before};
use self::kinds::{is_grouped, is_number, is_number_with};
use super::super::cells::Cells;
use super::super::framing::CsvFramer;
use super::{Findings, TRIED_BYTES};
use crate::options::{CsvDialect, CsvOptions, Ragged, Sign};
use crate::reader::rows::Frame;

/// Rows that are looked at.
const SEEN_ROWS: usize = 500;
/// What lines of comments begin with.
const COMMENTS: [u8; 2] = [b'#', b'%'];
/// Rows of a table that begins, one behind the other.
const BEGINNING_ROWS: usize = 3;

/// The rows of a text, and where the table among them begins.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Row>,
    /// The place of its first row.
    first: usize,
    /// Cells of its first row.
    width: usize,
    /// Lines in front of it that have as many cells, and are no names of columns.
    has_titles: bool,
    naming: Naming,
    comment: Option<(u8, usize)>,
}

#[derive(Debug)]
struct Row {
    line: u64,
    /// Its cells, and whether each is quoted; none when it cannot be told apart into them.
    cells: Vec<(String, bool)>,
    first_byte: u8,
}

impl Row {
    /// Whether it has a name for more cells than the rows behind it have.
    fn is_header_of(&self, width: usize) -> bool {
        let is_name = |cell: &str| !cell.is_empty() && !is_number(cell);
        width > 1 && self.cells.len() > width && self.cells.iter().all(|(cell, _)| is_name(cell))
    }

    /// Cells that have something, if only quotes.
    fn filled(&self) -> usize {
        self.cells.iter().filter(|(cell, is_quoted)| *is_quoted || !cell.is_empty()).count()
    }
}

impl Table {
    /// The table of rows that have `width` cells for the most part; `None` when there are no such rows.
    pub(super) fn of(text: &str, is_whole: bool, dialect: &CsvDialect, width: usize) -> Option<Self> {
        let mut rows = rows_of(text, is_whole, dialect);
        let comment = dialect.comment.is_none().then(|| comment_of(&rows, width)).flatten();
        if let Some((sign, _)) = comment {
            rows.retain(|row| row.first_byte != sign);
        }
        // They are another matter, and tell nothing of the rest.
        rows.retain(|row| row.cells.is_empty() || row.filled() > 0);
        let naming = Naming::of(&rows, width);
        let begins_at = |start: usize| {
            let next = rows[start..].iter().take(BEGINNING_ROWS);
            rows[start].cells.len() == width
                && next.filter(|row| row.cells.len() == width).count() * 2 > BEGINNING_ROWS.min(rows.len() - start)
        };
        if let Naming::WithoutRowNames | Naming::WithoutEnds = naming {
            return Some(Self { rows, first: 0, width: naming.width(width), has_titles: false, naming, comment });
        }
        let mut first = (0..rows.len()).find(|start| begins_at(*start))?;
        let mut width = width;
        // A header that is longer than its rows is a header, and no line in front of it.
        if let Some(before) = first.checked_sub(1).and_then(|place| rows.get(place))
            && before.cells.len() > width
            && before.filled() + 1 >= before.cells.len()
            && before.cells.iter().all(|(cell, _)| !is_number(cell))
            && !is_named(&rows[first..])
        {
            width = before.cells.len();
            first -= 1;
        }
        let titles = titles_before(&rows[first..], width);
        Some(Self { rows, first: first + titles, width, has_titles: titles > 0, naming, comment })
    }

    /// Says what options the table needs.
    pub(super) fn describe(&self, options: &mut CsvOptions, findings: &mut Findings) {
        if let Some((sign, count)) = self.comment {
            options.comment = Some(Sign::Byte(sign));
            let sign = char::from(sign);
            let detail = format!("{count} lines that begin with `{sign}` have not the cells of the others");
            findings.note("csv.comment", sign.to_string(), 0.85, detail);
        }
        if options.skip.is_none() && self.first > 0 {
            let skip = self.rows[self.first].line - 1;
            options.skip = Some(skip);
            let detail = if self.has_titles {
                format!("of the first {skip} lines, none has more than a title, and names of columns follow")
            } else {
                format!("the first {skip} lines have not the {} cells of the rows behind them", self.width)
            };
            let confidence = if self.body().len() > BEGINNING_ROWS { 0.85 } else { 0.6 };
            findings.note("csv.skip", skip.to_string(), confidence, detail);
        }
        self.describe_header(options, findings);
        self.describe_ragged(options, findings);
        self.describe_decimals(options, findings);
    }

    /// The rows of the table, its header included.
    fn body(&self) -> &[Row] {
        &self.rows[self.first..]
    }

    /// The cells of a column behind the first row that are not empty.
    fn column(&self, index: usize) -> impl Iterator<Item = &str> {
        let cells = self.body().iter().skip(1).filter_map(move |row| row.cells.get(index));
        cells.map(|(cell, _)| cell.as_str()).filter(|cell| !cell.is_empty())
    }

    fn describe_ragged(&self, options: &mut CsvOptions, findings: &mut Findings) {
        let irregular = || self.body().iter().skip(1).filter(|row| row.cells.len() != self.width);
        let count = irregular().count();
        // A row of a cell or two is rather a note below the table.
        let is_padded = |row: &Row| {
            let length = row.cells.len();
            (length < self.width && (length > 2 || length * 2 >= self.width && length > 1))
                || (length > self.width
                    && row.cells[self.width..].iter().all(|(cell, quoted)| cell.is_empty() && !quoted))
        };
        if options.ragged.is_none() && count > 0 && irregular().all(is_padded) {
            options.ragged = Some(Ragged::Pad);
            let detail = format!(
                "{count} rows have other numbers of cells than {}, and lose nothing when they are padded",
                self.width
            );
            findings.note("csv.ragged", Ragged::Pad.to_string(), 0.6, detail);
        }
    }

    fn describe_decimals(&self, options: &mut CsvOptions, findings: &mut Findings) {
        // Where commas are between cells, the schema says it of the properties that need it, and the call says nothing.
        let is_between_cells = options.delimiter.is_none_or(|delimiter| delimiter.as_bytes() == b",");
        if options.decimal_comma.is_some() || is_between_cells {
            return;
        }
        let (mut with_comma, mut with_point, mut as_groups) = (0_usize, 0_usize, 0_usize);
        for index in 0..self.width {
            let of_numbers = |sign: char| {
                let mut values = self.column(index).peekable();
                values.peek().is_some() && values.all(|cell| is_number_with(cell, sign))
            };
            if of_numbers(',') {
                with_comma += self.column(index).filter(|cell| cell.contains(',')).count();
                as_groups += self.column(index).filter(|cell| is_grouped(cell)).count();
            }
            if of_numbers('.') {
                with_point += self.column(index).filter(|cell| cell.contains('.')).count();
            }
        }
        // `1,234` may be either.
        if with_comma > 0 && with_point == 0 && as_groups < with_comma {
            options.decimal_comma = Some(true);
            let detail = format!("{with_comma} numbers have a comma in front of their decimals, and none has a point");
            findings.note("csv.decimal", ",".to_owned(), if as_groups == 0 { 0.95 } else { 0.7 }, detail);
        }
    }
}

fn rows_of(text: &str, is_whole: bool, dialect: &CsvDialect) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut sink = |line: u64, frame: Frame<'_>| {
        let Frame::Record(record) = frame else { return };
        if rows.len() < SEEN_ROWS {
            let text = String::from_utf8_lossy(record);
            let cells: Result<Vec<_>, _> = Cells::of(&text, dialect).collect();
            let cells = cells.unwrap_or_default().into_iter().map(|cell| (cell.text.into_owned(), cell.is_quoted));
            rows.push(Row { line, cells: cells.collect(), first_byte: record[0] });
        }
    };
    let mut framer = CsvFramer::new(TRIED_BYTES, *dialect);
    framer.push(text.as_bytes(), &mut sink);
    if is_whole {
        // What is not closed is no row.
        let _ = framer.finish(&mut sink);
    }
    rows
}

/// The sign that only rows with other numbers of cells begin with, and how many there are.
fn comment_of(rows: &[Row], width: usize) -> Option<(u8, usize)> {
    COMMENTS.into_iter().find_map(|sign| {
        let mut begin_so = rows.iter().filter(|row| row.first_byte == sign);
        let count = begin_so.clone().count();
        let is_header = |row: &Row| row.is_header_of(width);
        let is_only_header = count == 1 && begin_so.clone().all(is_header);
        (count > 0 && !is_only_header && begin_so.all(|row| row.cells.len() != width)).then_some((sign, count))
    })
}
