//! Cutting a JSON array into its elements, or objects one behind the other, while they arrive, without parsing them.

use memchr::memchr2;

use crate::reader::ReadError;
use crate::reader::rows::{Carry, Frame, Framer, Mark};

/// The body is no array; where an element ends cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}, at byte {offset}")]
pub(super) struct FramingError {
    detail: &'static str,
    offset: u64,
}

impl From<FramingError> for ReadError {
    fn from(error: FramingError) -> Self {
        Self::MalformedJson { detail: error.to_string() }
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
    /// Behind an object that is in no array.
    AfterObject,
    /// Behind the array.
    End,
}

/// Cuts an array that arrives in pieces of any size into elements; or objects without an array around them, of which
/// each is a record.
///
/// Holds at most one element, of at most `max_record_bytes`.
#[derive(Debug)]
pub(super) struct ArrayFramer {
    mark: Mark,
    state: State,
    carry: Carry,
    nesting: Nesting,
    /// Whether an array stands around the records.
    is_array: bool,
    /// Whether there is nothing but one array or one object.
    is_one_value: bool,
    /// Place in the array of the current element, from 1.
    place: u64,
    /// Bytes before the current piece.
    offset: u64,
}

impl ArrayFramer {
    pub(super) fn new(max_record_bytes: usize) -> Self {
        Self {
            mark: Mark::new(),
            state: State::Start,
            carry: Carry::new(max_record_bytes),
            nesting: Nesting::default(),
            is_array: true,
            is_one_value: false,
            place: 1,
            offset: 0,
        }
    }

    /// One that ends with the first array or object.
    pub(super) fn of_one_value(max_record_bytes: usize) -> Self {
        Self { is_one_value: true, ..Self::new(max_record_bytes) }
    }

    /// Whether what ends the records has been met.
    pub(super) fn is_ended(&self) -> bool {
        self.state == State::End
    }

    /// Takes what of a piece, which begins at `offset`, belongs to the one value; how many bytes that were.
    pub(super) fn push_value(
        &mut self,
        piece: &[u8],
        offset: u64,
        sink: &mut dyn FnMut(u64, Frame<'_>),
    ) -> Result<usize, FramingError> {
        let mut rest = piece;
        while !rest.is_empty() && !self.is_ended() {
            rest = self.step(rest, offset + (piece.len() - rest.len()) as u64, sink)?;
        }
        Ok(piece.len() - rest.len())
    }

    fn step<'p>(
        &mut self,
        rest: &'p [u8],
        at: u64,
        sink: &mut dyn FnMut(u64, Frame<'_>),
    ) -> Result<&'p [u8], FramingError> {
        match self.state {
            State::Element => Ok(self.element_piece(rest, sink)),
            _ => self.between_elements(rest, at),
        }
    }

    /// Takes the next piece and hands each element that it completes to `sink`, with its place.
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), FramingError> {
        let parts = self.mark.behind(piece);
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        // Bytes of the mark are counted here, and what was none below.
        self.offset = (self.offset + piece.len() as u64).saturating_sub(length as u64);
        parts.into_iter().try_for_each(|part| self.part(part, sink))
    }

    fn part(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), FramingError> {
        let mut rest = piece;
        while !rest.is_empty() {
            let at = self.offset + (piece.len() - rest.len()) as u64;
            rest = self.step(rest, at, sink)?;
        }
        self.offset += piece.len() as u64;
        Ok(())
    }

    /// Ends the body: an array needs its bracket.
    fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), FramingError> {
        let begun = self.mark.end();
        self.offset = self.offset.saturating_sub(begun.len() as u64);
        self.part(begun, sink)?;
        match self.state {
            State::End | State::AfterObject => Ok(()),
            State::Element if !self.is_array => Err(error("the JSON object is not closed", self.offset)),
            State::Start => Err(error("the body is empty; expected a JSON array of records", self.offset)),
            _ => Err(error("the JSON array is not closed", self.offset)),
        }
    }

    fn element_piece<'p>(&mut self, rest: &'p [u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> &'p [u8] {
        let Some(end) = self.nesting.end_of_element(rest) else {
            self.carry.keep(rest);
            return &[];
        };
        let place = self.place;
        self.carry.complete(&rest[..end], |frame| sink(place, frame));
        self.place += 1;
        self.state = match (self.is_array, self.is_one_value) {
            (true, _) => State::AfterElement,
            (false, true) => State::End,
            (false, false) => State::AfterObject,
        };
        &rest[end..]
    }

    fn between_elements<'p>(&mut self, rest: &'p [u8], at: u64) -> Result<&'p [u8], FramingError> {
        let Some(skipped) = rest.iter().position(|byte| !is_space(*byte)) else { return Ok(&[]) };
        let (byte, at) = (rest[skipped], at + skipped as u64);
        self.state = match (self.state, byte) {
            (State::Start, b'[') => State::BeforeElement { first: true },
            (State::Start | State::AfterObject, b'{') => {
                self.is_array = false;
                self.nesting = Nesting::default();
                self.state = State::Element;
                return Ok(&rest[skipped..]);
            }
            (State::AfterObject, _) => return Err(error("expected nothing but JSON objects behind the first", at)),
            (State::Start, _) => return Err(error("expected a JSON array of records", at)),
            (State::BeforeElement { first: true } | State::AfterElement, b']') => State::End,
            (State::AfterElement, b',') => State::BeforeElement { first: false },
            (State::AfterElement, _) => return Err(error("expected `,` or `]` between records", at)),
            (State::BeforeElement { .. }, b',' | b']') => return Err(error("expected a record", at)),
            (State::BeforeElement { .. }, _) => {
                self.nesting = Nesting::default();
                self.state = State::Element;
                return Ok(&rest[skipped..]);
            }
            _ => return Err(error("expected nothing behind the JSON array", at)),
        };
        Ok(&rest[skipped + 1..])
    }
}

pub(super) fn error(detail: &'static str, offset: u64) -> FramingError {
    FramingError { detail, offset }
}

impl Framer for ArrayFramer {
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        Ok(self.push(piece, sink)?)
    }

    fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        Ok(self.finish(sink)?)
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Where within an element of an array the scan stands.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// Whether the element is a member of an object.
    is_member: bool,
}

impl Nesting {
    /// Of a member of an object, which ends with the object, too.
    pub(super) fn of_member() -> Self {
        Self { is_member: true, ..Self::default() }
    }

    /// Within so many objects and arrays, of which the outermost is the element.
    pub(super) fn within(depth: usize) -> Self {
        Self { depth, ..Self::default() }
    }

    /// The number of bytes of `piece` up to the end of the element; `None` when it goes on.
    pub(super) fn end_of_element(&mut self, piece: &[u8]) -> Option<usize> {
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
                b'}' if self.depth == 0 && self.is_member => return Some(index),
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

    type Cut = Vec<(u64, Option<String>)>;

    /// Cuts a body that arrives in pieces of `step` bytes.
    fn cut(body: &str, step: usize, max: usize) -> Result<Cut, FramingError> {
        let mut framer = ArrayFramer::new(max);
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
    fn a_byte_order_mark_is_passed_over_wherever_the_pieces_end() {
        for step in 1..8 {
            assert_eq!(cut("\u{feff}[{},{}]", step, 100), Ok(texts(&["{}", "{}"])), "step {step}");
            let error = cut("\u{feff}[{} {}]", step, 100).unwrap_err();
            assert_eq!(error.to_string(), "expected `,` or `]` between records, at byte 7");
            // The beginning of a mark is none.
            let error = cut("\u{fec0}[]", step, 100).unwrap_err();
            assert_eq!(error.to_string(), "expected a JSON array of records, at byte 0");
        }
    }

    #[test]
    fn elements_are_cut_wherever_the_pieces_end() {
        let elements = [r#"{"a":"]},\"{"}"#, r#"{"b":[{"c":"\\"}]}"#, "7", r#""x,]""#, "[1,[2]]", "nul"];
        let body = format!(" [ {} ] ", elements.join(" , "));
        for step in 1..body.len() {
            assert_eq!(cut(&body, step, 100), Ok(texts(&elements)), "step {step}");
        }
        assert_eq!(cut("[]", 1, 100), Ok(vec![]));
    }

    #[test]
    fn a_broken_array_says_where() {
        for (body, message) in [
            ("", "the body is empty; expected a JSON array of records, at byte 0"),
            ("7", "expected a JSON array of records, at byte 0"),
            ("{", "the JSON object is not closed, at byte 1"),
            ("{} 7", "expected nothing but JSON objects behind the first, at byte 3"),
            ("{},{}", "expected nothing but JSON objects behind the first, at byte 2"),
            ("[{}", "the JSON array is not closed, at byte 3"),
            ("[{\"a\": \"", "the JSON array is not closed, at byte 8"),
            ("[{} {}]", "expected `,` or `]` between records, at byte 4"),
            ("[{},]", "expected a record, at byte 4"),
            ("[,{}]", "expected a record, at byte 1"),
            ("[{}] x", "expected nothing behind the JSON array, at byte 5"),
        ] {
            let error = cut(body, 1, 100).unwrap_err();
            assert_eq!(error.to_string(), message, "{body}");
        }
    }

    #[test]
    fn objects_without_an_array_are_records() {
        let objects = [r#"{"a":"}{"}"#, r#"{"b":[{}]}"#, "{}"];
        for between in ["", "\n", " \r\n\t"] {
            let body = format!("\u{feff} {} ", objects.join(between));
            for step in 1..body.len() {
                assert_eq!(cut(&body, step, 100), Ok(texts(&objects)), "step {step}");
            }
        }
        assert_eq!(cut("{\"a\":\"xxxxxxxxx\"}{}", 3, 5), Ok(vec![(1, None), (2, Some("{}".to_owned()))]));
    }

    #[test]
    fn a_record_over_the_limit_is_passed_over_and_the_next_is_read() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(100));
        let array = format!("[{{}},{long},{{}}]");
        let expected = Ok(vec![(1, Some("{}".to_owned())), (2, None), (3, Some("{}".to_owned()))]);
        for step in [1, 7, 1000] {
            assert_eq!(cut(&array, step, 50), expected);
        }
    }

    proptest! {
        #[test]
        fn any_records_are_cut_back_out_of_an_array(values in proptest::collection::vec("\\PC*", 0..8), step in 1_usize..20) {
            let elements: Vec<String> = values.iter().map(|v| serde_json::json!({"v": v}).to_string()).collect();
            let body = format!("[{}]", elements.join(","));
            let expected: Cut = elements.into_iter().zip(1..).map(|(text, line)| (line, Some(text))).collect();
            prop_assert_eq!(cut(&body, step, 1 << 20), Ok(expected));
        }
    }
}
