//! Cutting a body into records while it arrives, without parsing them.

use memchr::{memchr, memchr2};

use super::Framer;
use crate::reader::ReadError;

/// One record of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// The bytes of the record, not yet known to be JSON.
    Record(&'a [u8]),
    /// A record that is longer than one record may be; its bytes are gone.
    TooLarge,
}

/// The body is not a sequence of records; where one ends cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}, at byte {offset}")]
pub(crate) struct FramingError {
    detail: &'static str,
    offset: u64,
}

impl From<FramingError> for ReadError {
    fn from(error: FramingError) -> Self {
        Self::MalformedJson { detail: error.to_string() }
    }
}

/// The byte order mark that a text of UTF-8 may begin with, which is passed over.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Looks for a byte order mark in front of a body.
#[derive(Debug)]
pub(crate) struct Mark {
    /// Bytes of it that have been met; `None` when its place is past.
    met: Option<usize>,
}

impl Mark {
    /// A mark whose place is in front.
    pub(crate) fn new() -> Self {
        Self { met: Some(0) }
    }

    /// What is behind the mark in the next piece of a body, in two parts: bytes of pieces before it that were the
    /// beginning of something else, and those of the piece.
    pub(crate) fn behind<'p>(&mut self, piece: &'p [u8]) -> [&'p [u8]; 2] {
        let Some(met) = self.met else { return [&[], piece] };
        let expected = &BYTE_ORDER_MARK[met..];
        let further = piece.iter().zip(expected).take_while(|(byte, expected)| byte == expected).count();
        if further == expected.len() {
            self.met = None;
            [&[], &piece[further..]]
        } else if further == piece.len() {
            self.met = Some(met + further);
            [&[], &[]]
        } else {
            self.met = None;
            [&BYTE_ORDER_MARK[..met], piece]
        }
    }

    /// What was met of it when the body ends.
    pub(crate) fn end(&mut self) -> &'static [u8] {
        &BYTE_ORDER_MARK[..self.met.take().unwrap_or_default()]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    Start,
    /// In front of an element; `first` allows the end of an empty array.
    BeforeElement { first: bool },
    /// Within an element.
    Element,
    /// Behind an element.
    AfterElement,
    /// Behind the array.
    End,
    /// Within NDJSON.
    Line,
}

/// Cuts bytes that arrive in pieces of any size into records.
///
/// Holds at most one record, of at most `max_record_bytes`.
#[derive(Debug)]
pub(crate) struct RecordFramer {
    mark: Mark,
    state: State,
    max_record_bytes: usize,
    /// The beginning of a record whose end has not arrived.
    carry: Vec<u8>,
    /// The current record has outgrown the limit and is being passed over.
    is_oversized: bool,
    nesting: Nesting,
    /// Line (NDJSON) or place in the array (JSON) of the current record, from 1.
    line: u64,
    /// Bytes before the current piece.
    offset: u64,
}

impl RecordFramer {
    /// A framer of a JSON array, or of JSON lines.
    pub(crate) fn new(is_array: bool, max_record_bytes: usize) -> Self {
        let state = if is_array { State::Start } else { State::Line };
        Self {
            mark: Mark::new(),
            state,
            max_record_bytes,
            carry: Vec::new(),
            is_oversized: false,
            nesting: Nesting::default(),
            line: 1,
            offset: 0,
        }
    }

    /// Takes the next piece and hands each record that it completes to `sink`, with its line.
    pub(crate) fn push(&mut self, piece: &[u8], mut sink: impl FnMut(u64, Frame<'_>)) -> Result<(), FramingError> {
        let parts = self.mark.behind(piece);
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        // Bytes of the mark are counted here, and what was none below.
        self.offset = (self.offset + piece.len() as u64).saturating_sub(length as u64);
        parts.into_iter().try_for_each(|part| self.part(part, &mut sink))
    }

    fn part(&mut self, piece: &[u8], sink: &mut impl FnMut(u64, Frame<'_>)) -> Result<(), FramingError> {
        let mut rest = piece;
        while !rest.is_empty() {
            let at = self.offset + (piece.len() - rest.len()) as u64;
            rest = match self.state {
                State::Line => self.line_piece(rest, sink),
                State::Element => self.element_piece(rest, sink),
                _ => self.between_elements(rest, at)?,
            };
        }
        self.offset += piece.len() as u64;
        Ok(())
    }

    /// Ends the body: a last line needs no line feed, an array needs its bracket.
    pub(crate) fn finish(&mut self, mut sink: impl FnMut(u64, Frame<'_>)) -> Result<(), FramingError> {
        let begun = self.mark.end();
        self.offset = self.offset.saturating_sub(begun.len() as u64);
        self.part(begun, &mut sink)?;
        match self.state {
            State::Line => {
                self.complete(&[], &mut sink);
                Ok(())
            }
            State::End => Ok(()),
            State::Start => Err(self.error("the body is empty; expected a JSON array of records", self.offset)),
            _ => Err(self.error("the JSON array is not closed", self.offset)),
        }
    }

    fn line_piece<'p>(&mut self, rest: &'p [u8], sink: &mut impl FnMut(u64, Frame<'_>)) -> &'p [u8] {
        match memchr(b'\n', rest) {
            Some(end) => {
                self.complete(&rest[..end], sink);
                self.line += 1;
                &rest[end + 1..]
            }
            None => self.keep(rest),
        }
    }

    fn element_piece<'p>(&mut self, rest: &'p [u8], sink: &mut impl FnMut(u64, Frame<'_>)) -> &'p [u8] {
        match self.nesting.end_of_element(rest) {
            Some(end) => {
                self.complete(&rest[..end], sink);
                self.line += 1;
                self.state = State::AfterElement;
                &rest[end..]
            }
            None => self.keep(rest),
        }
    }

    fn between_elements<'p>(&mut self, rest: &'p [u8], at: u64) -> Result<&'p [u8], FramingError> {
        let Some(skipped) = rest.iter().position(|byte| !is_space(*byte)) else { return Ok(&[]) };
        let (byte, at) = (rest[skipped], at + skipped as u64);
        self.state = match (self.state, byte) {
            (State::Start, b'[') => State::BeforeElement { first: true },
            (State::Start, _) => return Err(self.error("expected a JSON array of records", at)),
            (State::BeforeElement { first: true } | State::AfterElement, b']') => State::End,
            (State::AfterElement, b',') => State::BeforeElement { first: false },
            (State::AfterElement, _) => return Err(self.error("expected `,` or `]` between records", at)),
            (State::BeforeElement { .. }, b',' | b']') => return Err(self.error("expected a record", at)),
            (State::BeforeElement { .. }, _) => {
                self.nesting = Nesting::default();
                self.state = State::Element;
                return Ok(&rest[skipped..]);
            }
            _ => return Err(self.error("expected nothing behind the JSON array", at)),
        };
        Ok(&rest[skipped + 1..])
    }

    /// Keeps the beginning of a record for the next piece.
    fn keep<'p>(&mut self, part: &'p [u8]) -> &'p [u8] {
        if self.carry.len() + part.len() > self.max_record_bytes {
            self.is_oversized = true;
            self.carry = Vec::new();
        } else if !self.is_oversized {
            self.carry.extend_from_slice(part);
        }
        &[]
    }

    /// Hands out the record that ends with `part`, unless it is blank.
    fn complete(&mut self, part: &[u8], sink: &mut impl FnMut(u64, Frame<'_>)) {
        if self.is_oversized || self.carry.len() + part.len() > self.max_record_bytes {
            self.is_oversized = false;
            self.carry.clear();
            sink(self.line, Frame::TooLarge);
            return;
        }
        if self.carry.is_empty() {
            Self::hand_out(self.line, part, sink);
            return;
        }
        self.carry.extend_from_slice(part);
        Self::hand_out(self.line, &self.carry, sink);
        self.carry.clear();
    }

    fn hand_out(line: u64, record: &[u8], sink: &mut impl FnMut(u64, Frame<'_>)) {
        if !record.iter().all(|byte| is_space(*byte)) {
            sink(line, Frame::Record(record));
        }
    }

    #[expect(clippy::unused_self, reason = "reads as what the framer reports")]
    fn error(&self, detail: &'static str, offset: u64) -> FramingError {
        FramingError { detail, offset }
    }
}

impl Framer for RecordFramer {
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        Ok(self.push(piece, sink)?)
    }

    fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        Ok(self.finish(sink)?)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Where within an element of an array the scan stands.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Nesting {
    /// The number of bytes of `piece` up to the end of the element; `None` when it goes on.
    fn end_of_element(&mut self, piece: &[u8]) -> Option<usize> {
        let mut index = 0;
        while index < piece.len() {
            if self.in_string {
                index = self.end_of_string(piece, index)?;
                continue;
            }
            match piece[index] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 => {
                    self.depth = 0;
                    return Some(index + 1);
                }
                b',' | b']' if self.depth == 0 => return Some(index),
                _ => {}
            }
            index += 1;
        }
        None
    }

    /// The index behind the string that `index` lies in; `None` when the piece ends first.
    fn end_of_string(&mut self, piece: &[u8], mut index: usize) -> Option<usize> {
        if std::mem::take(&mut self.is_escaped) {
            index += 1;
        }
        loop {
            let found = index + memchr2(b'"', b'\\', piece.get(index..)?)?;
            if piece[found] == b'"' {
                self.in_string = false;
                return Some(found + 1);
            }
            if found + 1 == piece.len() {
                self.is_escaped = true;
                return None;
            }
            index = found + 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Format;

    type Cut = Vec<(u64, Option<String>)>;

    /// Cuts a body that arrives in pieces of `step` bytes.
    fn cut(format: Format, body: &str, step: usize, max: usize) -> Result<Cut, FramingError> {
        let mut framer = RecordFramer::new(format == Format::JsonArray, max);
        let mut records = Cut::new();
        let mut sink = |line, frame: Frame<'_>| {
            let text = match frame {
                Frame::Record(bytes) => Some(String::from_utf8_lossy(bytes).trim().to_owned()),
                Frame::TooLarge => None,
            };
            records.push((line, text));
        };
        for piece in body.as_bytes().chunks(step) {
            framer.push(piece, &mut sink)?;
        }
        framer.finish(&mut sink)?;
        Ok(records)
    }

    fn texts(records: &[&str]) -> Cut {
        records.iter().zip(1..).map(|(text, line)| (line, Some((*text).to_owned()))).collect()
    }

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        let body = "{\"a\":1}\r\n\n  \n{\"a\":2}\n{\"a\":3}";
        let expected = vec![
            (1, Some("{\"a\":1}".to_owned())),
            (4, Some("{\"a\":2}".to_owned())),
            (5, Some("{\"a\":3}".to_owned())),
        ];
        for step in 1..body.len() {
            assert_eq!(cut(Format::Ndjson, body, step, 100).as_ref(), Ok(&expected), "step {step}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_wherever_the_pieces_end() {
        for step in 1..8 {
            for format in [Format::Ndjson, Format::JsonArray] {
                let body = if format == Format::Ndjson { "\u{feff}{}\n{}\n" } else { "\u{feff}[{},{}]" };
                assert_eq!(cut(format, body, step, 100), Ok(texts(&["{}", "{}"])), "step {step}");
            }
            // One that stands anywhere else is no mark, and the beginning of one is none.
            let twice = "\u{feff}\u{feff}{}";
            assert_eq!(cut(Format::Ndjson, twice, step, 100), Ok(texts(&["\u{feff}{}"])), "step {step}");
            assert_eq!(cut(Format::Ndjson, "\u{fec0}{}", step, 100), Ok(texts(&["\u{fec0}{}"])), "step {step}");
            let error = cut(Format::JsonArray, "\u{feff}[{} {}]", step, 100).unwrap_err();
            assert_eq!(error.to_string(), "expected `,` or `]` between records, at byte 7");
            let error = cut(Format::JsonArray, "\u{fec0}[]", step, 100).unwrap_err();
            assert_eq!(error.to_string(), "expected a JSON array of records, at byte 0");
        }
    }

    #[test]
    fn elements_are_cut_wherever_the_pieces_end() {
        let elements = [r#"{"a":"]},\"{"}"#, r#"{"b":[{"c":"\\"}]}"#, "7", r#""x,]""#, "[1,[2]]", "nul"];
        let body = format!(" [ {} ] ", elements.join(" , "));
        for step in 1..body.len() {
            assert_eq!(cut(Format::JsonArray, &body, step, 100), Ok(texts(&elements)), "step {step}");
        }
        assert_eq!(cut(Format::JsonArray, "[]", 1, 100), Ok(vec![]));
    }

    #[test]
    fn a_broken_array_says_where() {
        for (body, message) in [
            ("", "the body is empty; expected a JSON array of records, at byte 0"),
            ("{}", "expected a JSON array of records, at byte 0"),
            ("[{}", "the JSON array is not closed, at byte 3"),
            ("[{\"a\": \"", "the JSON array is not closed, at byte 8"),
            ("[{} {}]", "expected `,` or `]` between records, at byte 4"),
            ("[{},]", "expected a record, at byte 4"),
            ("[,{}]", "expected a record, at byte 1"),
            ("[{}] x", "expected nothing behind the JSON array, at byte 5"),
        ] {
            let error = cut(Format::JsonArray, body, 1, 100).unwrap_err();
            assert_eq!(error.to_string(), message, "{body}");
        }
    }

    #[test]
    fn a_record_over_the_limit_is_passed_over_and_the_next_is_read() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(100));
        let body = format!("{{}}\n{long}\n{{}}\n");
        let array = format!("[{{}},{long},{{}}]");
        let expected = Ok(vec![(1, Some("{}".to_owned())), (2, None), (3, Some("{}".to_owned()))]);
        for step in [1, 7, 1000] {
            assert_eq!(cut(Format::Ndjson, &body, step, 50), expected);
            assert_eq!(cut(Format::JsonArray, &array, step, 50), expected);
        }
    }

    proptest! {
        #[test]
        fn any_records_are_cut_back_out_of_an_array(values in proptest::collection::vec("\\PC*", 0..8), step in 1_usize..20) {
            let elements: Vec<String> = values.iter().map(|v| serde_json::json!({"v": v}).to_string()).collect();
            let body = format!("[{}]", elements.join(","));
            let expected: Cut = elements.into_iter().zip(1..).map(|(text, line)| (line, Some(text))).collect();
            prop_assert_eq!(cut(Format::JsonArray, &body, step, 1 << 20), Ok(expected));
        }
    }
}
