//! Cutting CSV into records without looking into their cells.

use memchr::{memchr, memchr_iter, memchr2};

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
/// Holds at most one record, of at most `max_record_bytes`. A record ends with a line feed outside quotes; a
/// carriage return in front of it goes with it.
#[derive(Debug)]
pub(crate) struct CsvFramer {
    carry: Carry,
    in_quotes: bool,
    before: Before,
    mark: Mark,
    /// The line on which the current record begins, from 1.
    line: u64,
    /// Line feeds within quotes of the current record.
    inner_lines: u64,
}

impl CsvFramer {
    pub(crate) fn new(max_record_bytes: usize) -> Self {
        Self {
            carry: Carry::new(max_record_bytes),
            in_quotes: false,
            before: Before::CellStart,
            mark: Mark::new(),
            line: 1,
            inner_lines: 0,
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
            let Some(end) = self.end_of_record(rest) else {
                self.carry.keep(rest);
                return;
            };
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

    /// The place of the line feed that ends the current record; `None` when the record goes on.
    fn end_of_record(&mut self, piece: &[u8]) -> Option<usize> {
        let mut index = 0;
        loop {
            let rest = &piece[index..];
            if self.in_quotes {
                let closing = memchr(b'"', rest);
                let quoted = &rest[..closing.unwrap_or(rest.len())];
                self.inner_lines += memchr_iter(b'\n', quoted).count() as u64;
                index += closing? + 1;
                self.in_quotes = false;
                self.before = Before::ClosingQuote;
                continue;
            }
            let Some(found) = memchr2(b'"', b'\n', rest) else {
                self.before = before(rest, self.before);
                return None;
            };
            if rest[found] == b'\n' {
                self.before = Before::CellStart;
                return Some(index + found);
            }
            self.in_quotes = before(&rest[..found], self.before) != Before::Text;
            self.before = Before::Text;
            index += found + 1;
        }
    }

    /// Hands out the record that ends with `part`, unless it is blank.
    fn complete(&mut self, part: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) {
        let line = self.line;
        self.line += 1 + std::mem::take(&mut self.inner_lines);
        self.carry.complete(part, |frame| match frame {
            Frame::TooLarge => sink(line, Frame::TooLarge),
            Frame::Record(record) => match record.strip_suffix(b"\r").unwrap_or(record) {
                [] => {}
                record => sink(line, Frame::Record(record)),
            },
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

/// What stands at the end of a stretch without quotes; `earlier` when it is empty.
fn before(stretch: &[u8], earlier: Before) -> Before {
    match stretch.last() {
        None => earlier,
        Some(b',') => Before::CellStart,
        Some(_) => Before::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cut = Vec<(u64, Option<String>)>;

    /// Cuts a body that arrives in pieces of `step` bytes.
    fn cut(body: &[u8], step: usize, max: usize) -> Result<Cut, Unclosed> {
        let mut framer = CsvFramer::new(max);
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
        let mut framer = CsvFramer::new(100);
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
}
