//! The dialect of a body that nobody describes: what its first bytes speak for, how much, and why.
//!
//! Every dialect that is likely is tried by the framer and the cells that read bodies, and scored by how many rows
//! have as many cells as most have, and by how many cells look like values (after van den Burg, Nazábal and Sutton,
//! "Wrangling messy CSV files by detecting row and type patterns", 2019). What the call says is not questioned.
//! Nothing that is found is acted upon by calls that write: it is proposed, with its evidence.

mod score;
mod table;
#[cfg(test)]
mod tests;

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8};

use self::score::Scored;
use self::table::Table;
use crate::options::{CsvDialect, CsvOptions, Delimiter, LineEnd, ReadOptions, Sign};
use crate::reader::sample::Finding;

/// Bytes of text that dialects are tried on.
const TRIED_BYTES: usize = 64 << 10;
/// Confidence from which on a person need not look.
const HIGH_CONFIDENCE: f64 = 0.8;
/// Carriage returns that end lines, for a line feed that does, so that they are taken for ends of lines.
const FEEDS_A_RETURN: usize = 10;

/// Completes the options by what the beginning of a body speaks for, and says why. `is_whole` when there is no more
/// of it.
pub(crate) fn detect(
    beginning: &[u8],
    is_whole: bool,
    options: &mut ReadOptions,
    delimiter: Delimiter,
) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    detect_encoding(beginning, is_whole, &mut options.csv, &mut findings);
    let (text, _) = options.csv.encoding.unwrap_or(UTF_8).decode_with_bom_removal(beginning);
    let is_whole = is_whole && text.len() <= TRIED_BYTES;
    let text = &text[..text.floor_char_boundary(TRIED_BYTES)];
    detect_line_end(text, &mut options.csv, &mut findings);
    let best = score::best(text, is_whole, &options.csv, delimiter);
    if let Some(best) = &best {
        best.describe(&mut options.csv, delimiter, &mut findings);
    }
    let dialect = options.csv.dialect(delimiter);
    // Where no delimiter makes cells of a text, it is one column.
    if let Some(table) = Table::of(text, is_whole, &dialect, best.map_or(1, |best| best.width)) {
        table.describe(&mut options.csv, &mut findings);
    }
    findings.0
}

/// Whether a character is one of those that dates and times are written with.
fn is_of_instant(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '-' | '/' | ':' | '.' | 'T' | 'Z' | '+' | ' ')
}

/// What has been found so far.
struct Findings(Vec<Finding>);

impl Findings {
    /// Notes that an option should have a value.
    fn note(&mut self, option: &'static str, value: String, confidence: f64, detail: impl Into<String>) {
        let confidence = (confidence.clamp(0.0, 1.0) * 100.0).round() / 100.0;
        let mut detail = detail.into();
        if confidence < HIGH_CONFIDENCE {
            detail.push_str("; this is not certain");
        }
        self.0.push(Finding { option, value, confidence, detail });
    }
}

/// Text that is not UTF-8 is of the encoding that its bytes are most usual in.
fn detect_encoding(beginning: &[u8], is_whole: bool, options: &mut CsvOptions, findings: &mut Findings) {
    let is_utf8 = match std::str::from_utf8(beginning) {
        Ok(_) => true,
        // The beginning may end within a character.
        Err(error) => !is_whole && error.error_len().is_none(),
    };
    if options.encoding.is_some() || is_utf8 {
        return;
    }
    let mut detector = EncodingDetector::new();
    detector.feed(beginning, is_whole);
    let (encoding, is_likely): (&'static Encoding, bool) = detector.guess_assess(None, false);
    options.encoding = Some(encoding);
    let name = encoding.name().to_ascii_lowercase();
    let detail = format!("the text is not UTF-8, and its bytes are most usual in {name}");
    findings.note("csv.encoding", name, if is_likely { 0.8 } else { 0.5 }, detail);
}

fn detect_line_end(text: &str, options: &mut CsvOptions, findings: &mut Findings) {
    let feeds = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    let behind = |place: usize| text.as_bytes().get(place + 1);
    let returns = memchr::memchr_iter(b'\r', text.as_bytes()).filter(|place| behind(*place) != Some(&b'\n'));
    // The last byte may be the first of two.
    let returns = returns.filter(|place| place + 1 < text.len() || feeds == 0).count();
    if options.line_end.is_some() || returns == 0 || returns * FEEDS_A_RETURN < feeds {
        return;
    }
    options.line_end = Some(LineEnd::Any);
    let detail = format!("{returns} lines end with CR alone, and {feeds} with LF");
    findings.note("csv.line_end", LineEnd::Any.to_string(), if feeds == 0 { 0.95 } else { 0.6 }, detail);
}

impl Scored {
    /// Says where the dialect differs from what would hold without options.
    fn describe(&self, options: &mut CsvOptions, delimiter: Delimiter, findings: &mut Findings) {
        let CsvDialect { delimiter: found, quote, escape, .. } = self.dialect;
        let plain = options.dialect(delimiter);
        if found != plain.delimiter {
            let detail = format!(
                "with `{found}` between cells, {} of {} rows have {} cells",
                self.regular, self.rows, self.width
            );
            options.delimiter = Some(found);
            findings.note("csv.delimiter", found.to_string(), self.confidence, detail);
        }
        let sign = |byte: Option<u8>| byte.map_or(Sign::None, Sign::Byte);
        if quote != plain.quote {
            let detail = match quote {
                Some(quote) => format!("cells begin and end with `{}`", char::from(quote)),
                None => "quotes stand within cells, and around none".to_owned(),
            };
            options.quote = Some(sign(quote));
            findings.note("csv.quote", sign(quote).to_string(), self.confidence.min(0.9), detail);
        }
        if escape != plain.escape {
            options.escape = Some(sign(escape));
            let detail = "`\\` stands before quotes within cells";
            findings.note("csv.escape", sign(escape).to_string(), self.confidence.min(0.9), detail);
        }
    }
}
