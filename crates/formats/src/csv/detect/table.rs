//! Where in a text its table is: lines in front of it, comments, its header, rows that are too short, decimals.

use super::super::cells::Cells;
use super::super::framing::CsvFramer;
use super::{Findings, TRIED_BYTES, is_of_instant};
use crate::options::{CsvDialect, CsvOptions, Header, Ragged, Sign};
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
}

impl Table {
    /// The table of rows that have `width` cells for the most part; `None` when there are no such rows.
    pub(super) fn of(text: &str, is_whole: bool, dialect: &CsvDialect, width: usize) -> Option<Self> {
        let mut rows = rows_of(text, is_whole, dialect);
        let comment = dialect.comment.is_none().then(|| comment_of(&rows, width)).flatten();
        if let Some((sign, _)) = comment {
            rows.retain(|row| row.first_byte != sign);
        }
        let begins_at = |start: usize| {
            let next = rows[start..].iter().take(BEGINNING_ROWS);
            rows[start].cells.len() == width
                && next.filter(|row| row.cells.len() == width).count() * 2 > BEGINNING_ROWS.min(rows.len() - start)
        };
        let mut first = (0..rows.len()).find(|start| begins_at(*start))?;
        let mut width = width;
        // A header that is longer than its rows is a header, and no line in front of it.
        if let Some(before) = first.checked_sub(1).and_then(|place| rows.get(place))
            && before.is_header_of(width)
        {
            width = before.cells.len();
            first -= 1;
        }
        Some(Self { rows, first, width, comment })
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
            let detail = format!("the first {skip} lines have not the {} cells of the rows behind them", self.width);
            findings.note(
                "csv.skip",
                skip.to_string(),
                if self.body().len() > BEGINNING_ROWS { 0.85 } else { 0.6 },
                detail,
            );
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

    fn describe_header(&self, options: &mut CsvOptions, findings: &mut Findings) {
        let [header, _, ..] = self.body() else { return };
        if options.header.is_some() {
            return;
        }
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
        if speak_against > speak_for {
            options.header = Some(Header::Absent);
            let detail = format!("{speak_against} cells of the first row are values such as those below them");
            let confidence = f64::from(speak_against) / f64::from(speak_against + speak_for + 1);
            findings.note("csv.header", Header::Absent.to_string(), confidence.max(0.6), detail);
        }
    }

    fn describe_ragged(&self, options: &mut CsvOptions, findings: &mut Findings) {
        let irregular = || self.body().iter().skip(1).filter(|row| row.cells.len() != self.width);
        let count = irregular().count();
        // A row of a cell or two is rather a note below the table.
        let is_padded = |row: &Row| {
            let length = row.cells.len();
            (length < self.width && length * 2 >= self.width && length > 1)
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

/// What cells are that names of columns are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Instant,
    Truth,
}

fn kind_of(cell: &str) -> Option<Kind> {
    let is_instant = || cell.chars().filter(char::is_ascii_digit).count() >= 4 && cell.chars().all(is_of_instant);
    if is_number(cell) {
        return Some(Kind::Number);
    }
    if ["true", "false"].iter().any(|word| cell.eq_ignore_ascii_case(word)) {
        return Some(Kind::Truth);
    }
    is_instant().then_some(Kind::Instant)
}

fn is_year(cell: &str) -> bool {
    cell.len() == 4 && cell.parse::<u16>().is_ok_and(|year| (1800..2200).contains(&year))
}

fn is_number(cell: &str) -> bool {
    is_number_with(cell, '.') || is_number_with(cell, ',')
}

/// Whether a cell is digits, with at most one `sign` among them.
fn is_number_with(cell: &str, sign: char) -> bool {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let (whole, decimals) = digits.split_once(sign).unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole) && are_digits(decimals)
}

/// Whether the comma of a number may stand before thousands.
fn is_grouped(cell: &str) -> bool {
    cell.split_once(',').is_some_and(|(whole, behind)| {
        behind.len() == 3 && (1..=3).contains(&whole.trim_start_matches(['-', '+']).len()) && !whole.starts_with('0')
    })
}
