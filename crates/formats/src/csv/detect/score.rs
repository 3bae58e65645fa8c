//! Which dialect makes most of a text: rows of one width, and cells that look like values.

use super::super::cells::{Cell, Cells};
use super::super::framing::CsvFramer;
use super::{TRIED_BYTES, is_of_instant};
use crate::options::{CsvDialect, CsvOptions, Delimiter};
use crate::reader::rows::Frame;

/// Rows that a dialect is tried on.
const TRIED_ROWS: usize = 500;
/// Delimiters that are tried, and how usual they are: of dialects that make as much of a text, the more usual is meant.
const DELIMITERS: [(&str, f64); 13] = [
    (",", 1.0),
    (";", 1.0),
    ("\t", 1.0),
    ("|", 1.0),
    (", ", 0.98),
    ("; ", 0.98),
    ("||", 0.98),
    ("::", 0.95),
    (":", 0.85),
    ("^", 0.9),
    ("~", 0.9),
    ("¦", 0.9),
    (" ", 0.75),
];
/// What another quote, or none, is less usual by.
const RARE_QUOTE: f64 = 0.95;

/// A dialect, and what it makes of a text.
#[derive(Debug, Clone)]
pub(super) struct Scored {
    pub(super) dialect: CsvDialect,
    /// Cells that most rows have.
    pub(super) width: usize,
    /// Rows with as many.
    pub(super) regular: usize,
    /// All rows, and lines that belong to none.
    pub(super) rows: usize,
    /// Cells in quotes, and rows that cannot be told apart into cells.
    quoted: usize,
    misquoted: usize,
    score: f64,
    /// How much more it makes of the text than the next best delimiter.
    pub(super) confidence: f64,
}

/// The dialect that makes most of a text, of those that the options leave; `None` when none has a row of two cells.
pub(super) fn best(text: &str, is_whole: bool, options: &CsvOptions, delimiter: Delimiter) -> Option<Scored> {
    let plain = CsvDialect { header_rows: 1, has_row_names: false, ..options.dialect(delimiter) };
    if is_one_column(text, is_whole, plain) {
        return None;
    }
    let mut scored: Vec<Scored> = Vec::new();
    for dialect in candidates(text, options, &plain) {
        if let Some(found) = score(text, is_whole, dialect, usualness(&dialect, &plain)) {
            scored.push(found);
        }
    }
    // The first of those that make as much: they come in the order in which they are usual.
    let mut best = scored
        .iter()
        .fold(None::<&Scored>, |best, next| match best {
            Some(best) if best.score >= next.score => Some(best),
            _ => Some(next),
        })?
        .clone();
    // A usual delimiter that makes rows of one width is meant, rather than a rare one that leaves some out.
    let usual = |scored: &Scored| usualness(&scored.dialect, &plain);
    let is_meant = |other: &&Scored| {
        other.regular == other.rows && other.rows > 2 && usual(other) > usual(&best) && other.score * 2.0 > best.score
    };
    if best.regular < best.rows
        && let Some(whole) = scored.iter().filter(is_meant).max_by(|one, other| one.score.total_cmp(&other.score))
    {
        best = whole.clone();
    }
    // Quotes that stand within cells, and around none, are text.
    let is_of_text = |other: &&Scored| {
        other.dialect == CsvDialect { quote: None, ..best.dialect } && other.misquoted == 0 && other.width == best.width
    };
    if best.quoted == 0
        && best.misquoted > 0
        && let Some(plain) = scored.iter().find(is_of_text)
    {
        best = plain.clone();
    }
    let is_other = |other: &&Scored| other.dialect.delimiter != best.dialect.delimiter;
    let second = scored.iter().filter(is_other).map(|other| other.score).fold(0.0, f64::max);
    let regular = share(best.regular, best.rows);
    // Of a row or two, not much can be said.
    let seen = 1.0 - 0.5 / share(best.regular, 1).max(1.0);
    best.confidence = regular * seen * (1.0 - second / best.score);
    Some(best)
}

/// Whether a text is one column whose every cell but the first stands in quotes or is a time: what is in them is no matter
/// of the dialect.
fn is_one_column(text: &str, is_whole: bool, plain: CsvDialect) -> bool {
    let (mut rows, mut is_one) = (0_usize, true);
    let mut sink = |_line: u64, frame: Frame<'_>| {
        let Frame::Record(record) = frame else { return };
        let text = String::from_utf8_lossy(record);
        let mut cells = Cells::of(&text, &plain);
        let is_meant = matches!(cells.next(), Some(Ok(cell)) if rows == 0 || cell.is_quoted || is_clock(&cell.text));
        is_one &= is_meant && cells.next().is_none();
        rows += 1;
    };
    let mut framer = CsvFramer::new(TRIED_BYTES, plain);
    framer.push(text.as_bytes(), &mut sink);
    // The last row of a beginning may be cut off.
    let is_closed = !is_whole || framer.finish(&mut |_, _| {}).is_ok();
    is_one && rows > 1 && is_closed
}

/// Whether a cell ends with a time of day, such as `08:15:00.5`.
fn is_clock(cell: &str) -> bool {
    let are_digits = |text: Option<&str>| {
        text.is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut parts = cell.split(':');
    let (Some(hour), Some(minute), Some(second), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    are_digits(hour.get(hour.len().saturating_sub(2)..))
        && minute.len() == 2
        && are_digits(Some(minute))
        && are_digits(second.get(..2))
}

fn usualness(dialect: &CsvDialect, plain: &CsvDialect) -> f64 {
    let delimiter = dialect.delimiter.as_bytes();
    let usual = DELIMITERS.iter().find(|(sign, _)| sign.as_bytes() == delimiter).map_or(1.0, |(_, usual)| *usual);
    if dialect.quote == plain.quote { usual } else { usual * RARE_QUOTE }
}

/// The dialects that a text may be of, the more usual before others.
fn candidates(text: &str, options: &CsvOptions, plain: &CsvDialect) -> Vec<CsvDialect> {
    let mut delimiters = vec![plain.delimiter];
    // The media type of tabs says what stands between cells.
    if options.delimiter.is_none() && plain.delimiter != Delimiter::TAB {
        let signs = DELIMITERS.iter().filter(|(sign, _)| text.contains(sign));
        delimiters
            .extend(signs.filter_map(|(sign, _)| Delimiter::parse(sign).ok()).filter(|sign| *sign != plain.delimiter));
    }
    let mut quotes = vec![plain.quote];
    if options.quote.is_none() {
        if text.contains('"') {
            quotes.push(None);
        }
        if text.contains('\'') {
            quotes.push(Some(b'\''));
        }
    }
    let has_backslashes = text.contains("\\\"") || text.contains("\\'");
    let mut escapes = vec![plain.escape];
    if options.escape.is_none() && has_backslashes {
        escapes.push(Some(b'\\'));
    }
    let mut found = Vec::new();
    for delimiter in delimiters {
        for quote in &quotes {
            for escape in escapes.iter().filter(|escape| escape.is_none() || quote.is_some()) {
                found.push(CsvDialect { delimiter, quote: *quote, escape: *escape, ..*plain });
            }
        }
    }
    found
}

/// What one row comes to.
#[derive(Debug, Default, Clone, Copy)]
struct Row {
    /// Cells; none when it cannot be told apart into them.
    width: usize,
    /// Cells that look like values.
    plausible: usize,
    quoted: usize,
}

fn score(text: &str, is_whole: bool, dialect: CsvDialect, usual: f64) -> Option<Scored> {
    let mut rows: Vec<Row> = Vec::new();
    let mut framer = CsvFramer::new(TRIED_BYTES, dialect);
    let mut sink = |_line: u64, frame: Frame<'_>| {
        if rows.len() < TRIED_ROWS {
            rows.push(row_of(frame, &dialect));
        }
    };
    framer.push(text.as_bytes(), &mut sink);
    let mut rest = 0;
    if is_whole && let Err(unclosed) = framer.finish(&mut sink) {
        rest = usize::try_from(unclosed.last - unclosed.first + 1).unwrap_or(usize::MAX);
    } else if rows.len() < TRIED_ROWS && !is_whole {
        // What the framer still holds is one row that goes on, or many lines that quotes took.
        rest = framer.open_lines();
    }
    let total = rows.len().saturating_add(rest);
    // A header may leave out the name of the first column, or of the last.
    if let [header, behind @ ..] = rows.as_mut_slice()
        && (header.width > 1 || header.quoted > 0)
        && !behind.is_empty()
        && behind.iter().all(|row| row.width == header.width + 1)
    {
        *header = Row { width: header.width + 1, plausible: header.plausible + 1, ..*header };
    }
    let widths: Vec<usize> = rows.iter().map(|row| row.width).collect();
    let weight = |width: usize| {
        let regular = widths.iter().filter(|other| **other == width).count();
        share(regular, total) * (1.0 - 1.0 / share(width, 1))
    };
    let mut different: Vec<usize> = widths.iter().copied().filter(|width| *width > 1).collect();
    different.sort_unstable();
    different.dedup();
    let width = different.into_iter().max_by(|one, other| weight(*one).total_cmp(&weight(*other)))?;
    let (mut regular, mut plausible) = (0, 0);
    for row in rows.iter().filter(|row| row.width == width) {
        regular += 1;
        plausible += row.plausible;
    }
    // Words of sentences are no cells.
    if regular * 2 < total || (regular < 2 && total > 1) {
        return None;
    }
    let typed = share(plausible, regular * width);
    let score = weight(width) * typed * typed * usual;
    if score == 0.0 {
        return None;
    }
    let quoted = rows.iter().map(|row| row.quoted).sum();
    let misquoted = widths.iter().filter(|width| **width == 0).count();
    Some(Scored { dialect, width, regular, rows: total, quoted, misquoted, score, confidence: 0.0 })
}

fn row_of(frame: Frame<'_>, dialect: &CsvDialect) -> Row {
    let Frame::Record(record) = frame else { return Row::default() };
    let text = String::from_utf8_lossy(record);
    let mut row = Row::default();
    for cell in Cells::of(&text, dialect) {
        let Ok(cell) = cell else { return Row::default() };
        row.width += 1;
        row.quoted += usize::from(cell.is_quoted);
        row.plausible += usize::from(is_plausible(&cell));
    }
    row
}

/// Whether a cell looks like a value: nothing, a number, an instant, a word or a few.
fn is_plausible(cell: &Cell<'_>) -> bool {
    let text = cell.text.as_ref();
    if cell.is_quoted || text.is_empty() {
        return true;
    }
    let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+' | 'e' | 'E' | '%' | '\'');
    let begins = |test: fn(char) -> bool| text.starts_with(test);
    if begins(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | ',')) && text.chars().all(is_of_number) {
        return true;
    }
    if begins(|c| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit() || c == 'Z')
        && text.chars().all(is_of_instant)
    {
        return true;
    }
    // What often stands between cells, or around them, is seldom in words.
    let is_foreign = |c: char| matches!(c, ',' | ';' | '|' | '^' | '~' | '"' | '\\' | '¦') || c.is_control();
    let begins_well =
        begins(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '€' | '£' | '/' | '(' | '-' | '#' | '@'));
    begins_well && !text.ends_with(' ') && !text.chars().any(is_foreign)
}

#[expect(clippy::cast_precision_loss, reason = "as many rows and cells as fit into the text")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
