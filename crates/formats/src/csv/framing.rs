//! Cutting CSV into records without looking into their cells.

use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memchr3};

use crate::options::CsvDialect;
use crate::reader::ReadError;
use crate::reader::rows::{Carry, Frame, Framer, Mark};

/// What stood in front of a quote outside quoted cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The beginning of a cell: the quote opens it.
    CellStart,
    /// The quote that closed a cell: the two are one quote within it.
    ClosingQuote,
    /// Anything else: the quote opens nothing, and the record is malformed.
    Text,
}

/// A record whose quotes are not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unclosed {
    /// The line on which it begins.
    pub(crate) first: u64,
    /// The line on which the body ends.
    pub(crate) last: u64,
}

/// Cuts CSV that arrives in pieces of any size into records, the header row included.
///
/// Holds at most one record, of at most `max_record_bytes`, and nothing of lines that are passed over. A record ends
/// with a line feed outside quotes, and a carriage return in front of it goes with it; in some dialects a carriage
/// return ends one, too.
#[derive(Debug)]
pub(crate) struct CsvFramer {
    carry: Carry,
    dialect: CsvDialect,
    in_quotes: bool,
    before: Before,
    mark: Mark,
    /// The line on which the current record begins, from 1.
    line: u64,
    /// Ends of lines within quotes of the current record.
    inner_lines: u64,
    odd: OddDialect,
}

/// Where the scan stands, as far as only dialects other than that of RFC 4180 ask.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a place of its own, and several hold at once")]
struct OddDialect {
    /// Whether lines may be passed over.
    passes_lines: bool,
    /// Lines that are still to be passed over in front of all others.
    skip: u64,
    /// Whether the current line is passed over.
    is_passing: bool,
    /// Whether nothing of the current line has been met.
    is_at_start: bool,
    /// Whether a carriage return ended the line before, so that a line feed is the rest of that end.
    is_behind_cr: bool,
    /// Whether a carriage return is the last that was met within quotes.
    is_behind_inner_cr: bool,
    /// Whether the sign that escapes is the last that was met within quotes.
    is_escaped: bool,
    /// The end of a stretch without quotes that a piece ended with, where a delimiter may have begun.
    tail: Vec<u8>,
}

impl CsvFramer {
    pub(crate) fn new(max_record_bytes: usize, dialect: CsvDialect) -> Self {
        let odd = OddDialect {
            passes_lines: dialect.skip > 0 || dialect.comment.is_some(),
            skip: dialect.skip,
            is_passing: false,
            is_at_start: true,
            is_behind_cr: false,
            is_behind_inner_cr: false,
            is_escaped: false,
            tail: Vec::new(),
        };
        Self {
            carry: Carry::new(max_record_bytes),
            dialect,
            in_quotes: false,
            before: Before::CellStart,
            mark: Mark::new(),
            line: 1,
            inner_lines: 0,
            odd,
        }
    }

    /// Takes the next piece and hands each record that it completes to `sink`, with the line on which it begins.
    pub(crate) fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) {
        let parts = self.mark.behind(piece);
        for part in parts {
            self.part(part, sink);
        }
    }

    fn part(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) {
        let mut rest = piece;
        while !rest.is_empty() {
            if self.dialect.ends_at_cr && std::mem::take(&mut self.odd.is_behind_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            if self.odd.passes_lines && self.is_passed(rest[0]) {
                let Some(behind) = self.pass_line(rest) else { return };
                rest = behind;
                continue;
            }
            let Some(end) = self.end_of_record(rest) else {
                self.odd.is_at_start = false;
                self.carry.keep(rest);
                return;
            };
            self.odd.is_behind_cr = rest[end] == b'\r';
            self.odd.is_at_start = true;
            self.complete(&rest[..end], sink);
            rest = &rest[end + 1..];
        }
    }

    /// Ends the body; the last record needs no line feed.
    ///
    /// # Errors
    /// The record whose quotes are not closed.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), Unclosed> {
        if self.in_quotes {
            return Err(Unclosed { first: self.line, last: self.line + self.inner_lines });
        }
        let begun = self.mark.end();
        self.part(begun, sink);
        self.complete(&[], sink);
        Ok(())
    }

    /// Ends of lines that the record which goes on has taken within its quotes.
    pub(super) fn open_lines(&self) -> usize {
        usize::try_from(self.inner_lines).unwrap_or(usize::MAX)
    }

    /// Whether the line that goes on with a byte is passed over.
    fn is_passed(&mut self, next: u8) -> bool {
        if self.odd.is_at_start {
            self.odd.is_passing = self.odd.skip > 0 || self.dialect.comment == Some(next);
        }
        self.odd.is_passing
    }

    /// What is behind the line that is passed over; `None` when it goes on.
    fn pass_line<'p>(&mut self, piece: &'p [u8]) -> Option<&'p [u8]> {
        self.odd.is_at_start = false;
        let end = if self.dialect.ends_at_cr { memchr2(b'\r', b'\n', piece) } else { memchr(b'\n', piece) }?;
        self.odd.is_behind_cr = piece[end] == b'\r';
        self.odd.is_at_start = true;
        self.odd.is_passing = false;
        self.odd.skip = self.odd.skip.saturating_sub(1);
        self.line += 1;
        Some(&piece[end + 1..])
    }

    /// The place of what ends the current record; `None` when the record goes on.
    fn end_of_record(&mut self, piece: &[u8]) -> Option<usize> {
        let mut index = 0;
        loop {
            if self.in_quotes {
                index += self.end_of_quotes(&piece[index..])?;
                continue;
            }
            let rest = &piece[index..];
            let Some(found) = self.quote_or_end(rest) else {
                self.before = self.before(rest);
                self.keep_tail(rest);
                return None;
            };
            if matches!(rest[found], b'\n' | b'\r') {
                self.before = Before::CellStart;
                self.odd.tail.clear();
                return Some(index + found);
            }
            self.in_quotes = self.before(&rest[..found]) != Before::Text;
            self.before = Before::Text;
            self.odd.tail.clear();
            index += found + 1;
        }
    }

    /// The place of the next quote or end of a line.
    fn quote_or_end(&self, piece: &[u8]) -> Option<usize> {
        match (self.dialect.quote, self.dialect.ends_at_cr) {
            (Some(quote), false) => memchr2(quote, b'\n', piece),
            (Some(quote), true) => memchr3(quote, b'\n', b'\r', piece),
            (None, false) => memchr(b'\n', piece),
            (None, true) => memchr2(b'\n', b'\r', piece),
        }
    }

    /// The place behind the quote that closes a cell; `None` when the cell goes on.
    fn end_of_quotes(&mut self, piece: &[u8]) -> Option<usize> {
        let quote = self.dialect.quote?;
        // A piece that ended with the sign that escapes left its next byte to this one.
        let mut from = usize::from(!piece.is_empty() && std::mem::take(&mut self.odd.is_escaped));
        let closing = loop {
            let rest = &piece[from..];
            let found = match self.dialect.escape {
                None => memchr(quote, rest),
                Some(escape) => memchr2(quote, escape, rest),
            };
            match found.map(|found| from + found) {
                Some(at) if piece[at] == quote => break Some(at),
                Some(at) if at + 1 == piece.len() => {
                    self.odd.is_escaped = true;
                    break None;
                }
                Some(at) => from = at + 2,
                None => break None,
            }
        };
        self.count_lines(&piece[..closing.unwrap_or(piece.len())]);
        let closing = closing?;
        self.in_quotes = false;
        self.odd.is_behind_inner_cr = false;
        self.before = Before::ClosingQuote;
        Some(closing + 1)
    }

    /// Counts the ends of lines within quotes.
    fn count_lines(&mut self, quoted: &[u8]) {
        if !self.dialect.ends_at_cr {
            self.inner_lines += memchr_iter(b'\n', quoted).count() as u64;
            return;
        }
        for place in memchr2_iter(b'\r', b'\n', quoted) {
            let is_behind_cr = match place.checked_sub(1) {
                Some(before) => quoted[before] == b'\r',
                None => self.odd.is_behind_inner_cr,
            };
            self.inner_lines += u64::from(quoted[place] == b'\r' || !is_behind_cr);
        }
        if let Some(last) = quoted.last() {
            self.odd.is_behind_inner_cr = *last == b'\r';
        }
    }

    /// What stands at the end of a stretch without quotes; what stood before it when it is empty.
    fn before(&self, stretch: &[u8]) -> Before {
        let delimiter = self.dialect.delimiter.as_bytes();
        let is_behind_delimiter = match (stretch, delimiter) {
            ([], _) => return self.before,
            ([.., last], [delimiter]) => last == delimiter,
            _ if stretch.len() >= delimiter.len() => stretch.ends_with(delimiter),
            _ => [&self.odd.tail, stretch].concat().ends_with(delimiter),
        };
        if is_behind_delimiter { Before::CellStart } else { Before::Text }
    }

    /// Keeps the end of a stretch, if a delimiter of several bytes may go on behind it.
    fn keep_tail(&mut self, stretch: &[u8]) {
        let most = self.dialect.delimiter.as_bytes().len() - 1;
        if most > 0 {
            self.odd.tail.extend_from_slice(&stretch[stretch.len().saturating_sub(most)..]);
            let over = self.odd.tail.len().saturating_sub(most);
            self.odd.tail.drain(..over);
        }
    }

    /// Hands out the record that ends with `part`, unless it is blank.
    fn complete(&mut self, part: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) {
        let line = self.line;
        self.line += 1 + std::mem::take(&mut self.inner_lines);
        self.carry.complete(part, |frame| match frame {
            Frame::TooLarge => sink(line, Frame::TooLarge),
            Frame::Record(record) if self.dialect.is_no_record(record) => {}
            Frame::Record(record) => sink(line, Frame::Record(record.strip_suffix(b"\r").unwrap_or(record))),
        });
    }
}

impl Framer for CsvFramer {
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        self.push(piece, sink);
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        self.finish(sink).map_err(|Unclosed { first, last }| {
            ReadError::malformed(format!(
                "the quotes of the record that begins on line {first} are not closed by the end of the body, line {last}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{CsvOptions, Delimiter};

    type Cut = Vec<(u64, Option<String>)>;

    fn plain() -> CsvDialect {
        CsvOptions::default().dialect(Delimiter::COMMA)
    }

    fn cut(body: &[u8], step: usize, max: usize) -> Result<Cut, Unclosed> {
        cut_as(plain(), body, step, max)
    }

    /// Cuts a body that arrives in pieces of `step` bytes.
    fn cut_as(dialect: CsvDialect, body: &[u8], step: usize, max: usize) -> Result<Cut, Unclosed> {
        let mut framer = CsvFramer::new(max, dialect);
        let mut records = Cut::new();
        let mut sink = |line, frame: Frame<'_>| {
            let text = match frame {
                Frame::Record(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
                Frame::TooLarge => None,
            };
            records.push((line, text));
        };
        for piece in body.chunks(step) {
            framer.push(piece, &mut sink);
        }
        framer.finish(&mut sink)?;
        Ok(records)
    }

    fn texts(records: &[(u64, &str)]) -> Cut {
        records.iter().map(|(line, text)| (*line, Some((*text).to_owned()))).collect()
    }

    #[test]
    fn records_are_cut_wherever_the_pieces_end() {
        let body = "\u{feff}\"a\",b\r\n\r\n\"x\"\"\n,\r\n\",\"é\ny\"\n\n1,2\r\n\"\",\"\"\"\"\n\"\n\"";
        let records =
            [(1, "\"a\",b"), (3, "\"x\"\"\n,\r\n\",\"é\ny\""), (8, "1,2"), (9, "\"\",\"\"\"\""), (10, "\"\n\"")];
        for step in 1..body.len() {
            assert_eq!(cut(body.as_bytes(), step, 100), Ok(texts(&records)), "step {step}");
        }
    }

    #[test]
    fn a_quote_within_an_unquoted_cell_opens_nothing() {
        for step in 1..12 {
            let cut = cut(b"a\"b,\"\"c\"\nd\"\"\ne", step, 100);
            assert_eq!(cut, Ok(texts(&[(1, "a\"b,\"\"c\""), (2, "d\"\""), (3, "e")])), "step {step}");
        }
    }

    #[test]
    fn quotes_that_are_not_closed_name_the_line() {
        for step in 1..12 {
            assert_eq!(cut(b"a\n1\n\"x\ny\n", step, 100), Err(Unclosed { first: 3, last: 5 }));
            assert_eq!(
                cut(b"a\n1\n\"x\ny\n", step, 2),
                Err(Unclosed { first: 3, last: 5 }),
                "however long the record is"
            );
        }
    }

    #[test]
    fn a_part_of_a_mark_is_no_mark() {
        let mut framer = CsvFramer::new(100, plain());
        let mut records = Vec::new();
        framer.push(b"\xef", &mut |_, _| panic!("nothing is complete"));
        framer.push(b"\xbb\"\n", &mut |line, frame| records.push((line, frame == Frame::Record(b"\xef\xbb\""))));
        assert_eq!(records, [(1, true)]);
    }

    #[test]
    fn a_record_over_the_limit_is_passed_over_and_the_next_is_read() {
        let body = format!("ab\n\"{}\n\"\ncd\n", "x".repeat(50));
        for step in [1, 7, 1000] {
            let records = cut(body.as_bytes(), step, 20);
            assert_eq!(records, Ok(vec![(1, Some("ab".to_owned())), (2, None), (4, Some("cd".to_owned()))]));
        }
    }

    #[test]
    fn a_carriage_return_ends_a_line_where_it_is_said_to() {
        let dialect = CsvDialect { ends_at_cr: true, ..plain() };
        let body = b"a\r\r\nb\n\"x\ry\r\nz\n\"\r\rc\r\n\r";
        for step in 1..body.len() {
            let cut = cut_as(dialect, body, step, 100);
            assert_eq!(cut, Ok(texts(&[(1, "a"), (3, "b"), (4, "\"x\ry\r\nz\n\""), (9, "c")])), "step {step}");
        }
    }

    #[test]
    fn lines_are_passed_over_however_long_they_are() {
        let dialect = CsvDialect { skip: 2, comment: Some(b'#'), ..plain() };
        let long = "\"x".repeat(200);
        let body = format!("\u{feff}{long}\n\"\n#{long}\na,#b\n\"\n#c\"\n#\nd");
        for step in [1, 2, 3, 7, 1000] {
            let cut = cut_as(dialect, body.as_bytes(), step, 20);
            assert_eq!(cut, Ok(texts(&[(4, "a,#b"), (5, "\"\n#c\""), (8, "d")])), "step {step}");
        }
    }

    #[test]
    fn quotes_are_those_of_the_dialect() {
        let none = CsvDialect { quote: None, ..plain() };
        let apostrophes = CsvDialect { quote: Some(b'\''), escape: Some(b'\\'), ..plain() };
        let wide = CsvDialect { delimiter: Delimiter::parse("::").unwrap(), ..plain() };
        for step in 1..12 {
            assert_eq!(cut_as(none, b"\"a\nb\",c\n", step, 100), Ok(texts(&[(1, "\"a"), (2, "b\",c")])));
            let cut = cut_as(apostrophes, b"'a\\'\n\\\\',\"\n'''\n'\n", step, 100);
            assert_eq!(cut, Ok(texts(&[(1, "'a\\'\n\\\\',\""), (3, "'''\n'")])), "step {step}");
            let cut = cut_as(wide, b"a::\"b\n\"::c:\"d\n", step, 100);
            assert_eq!(cut, Ok(texts(&[(1, "a::\"b\n\"::c:\"d")])), "step {step}");
        }
    }
}
