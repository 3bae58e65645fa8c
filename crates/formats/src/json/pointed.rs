//! Cutting the records out of a document that holds them at a place of its own, such as `{"data": […]}`.
//!
//! What is not on the way to that place is passed over while it arrives, whatever its size.

use super::framing::{ArrayFramer, FramingError, Nesting, error, is_space};
use crate::options::JsonPointer;
use crate::reader::ReadError;
use crate::reader::rows::{Frame, Framer, Mark};

/// Bytes of a key for one of the step that it may be: `\u0061` is `a`.
const ESCAPED_BYTES: usize = 6;

/// Where in the document the scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In front of the value that the steps so far lead to.
    Value,
    /// In front of a key, or of the end of an object.
    Key,
    /// Within a key.
    InKey { is_escaped: bool },
    /// In front of the colon behind a key.
    Colon,
    /// Within a value that is passed over.
    Passed,
    /// Behind a value that was passed over.
    BehindPassed,
    /// Within the records.
    Records,
    /// Behind the records, within so many objects and arrays.
    Rest,
    /// Behind the document.
    End,
}

/// Cuts the array, or the one object, that a pointer leads to into records. Holds one record, or one key.
#[derive(Debug)]
pub(super) struct PointedFramer {
    mark: Mark,
    pointer: JsonPointer,
    /// Whether each container on the way is an array.
    way: Vec<bool>,
    state: State,
    /// The key that is being read, as it is written.
    key: Vec<u8>,
    /// The place in the current array.
    place: u64,
    nesting: Nesting,
    records: ArrayFramer,
    /// Bytes before the current piece.
    offset: u64,
}

impl PointedFramer {
    pub(super) fn new(max_record_bytes: usize, pointer: JsonPointer) -> Self {
        Self {
            mark: Mark::new(),
            pointer,
            way: Vec::new(),
            state: State::Value,
            key: Vec::new(),
            place: 0,
            nesting: Nesting::default(),
            records: ArrayFramer::of_one_value(max_record_bytes),
            offset: 0,
        }
    }

    fn part(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), FramingError> {
        let mut at = 0;
        while at < piece.len() {
            let rest = &piece[at..];
            at += match self.state {
                State::Records => {
                    let taken = self.records.push_value(rest, self.offset + at as u64, sink)?;
                    if self.records.is_ended() {
                        self.leave(self.way.len());
                    }
                    taken
                }
                State::Passed => match self.nesting.end_of_element(rest) {
                    Some(end) => {
                        self.state = State::BehindPassed;
                        end
                    }
                    None => rest.len(),
                },
                State::InKey { is_escaped } => self.key_byte(rest[0], is_escaped),
                State::Rest => match self.nesting.end_of_element(rest) {
                    Some(end) => {
                        self.state = State::End;
                        end
                    }
                    None => rest.len(),
                },
                _ if is_space(rest[0]) => 1,
                _ => self.token(rest[0], self.offset + at as u64)?,
            };
        }
        self.offset += piece.len() as u64;
        Ok(())
    }

    /// Goes behind the records, within so many containers.
    fn leave(&mut self, containers: usize) {
        self.nesting = Nesting::within(containers);
        self.state = if containers == 0 { State::End } else { State::Rest };
    }

    /// Takes a byte that is no white space between values; how many of it were taken.
    fn token(&mut self, byte: u8, at: u64) -> Result<usize, FramingError> {
        let is_array = self.way.last().copied().unwrap_or_default();
        let (state, taken) = match (self.state, byte) {
            (State::Value, _) if self.way.len() == self.pointer.steps().len() => (State::Records, 0),
            (State::Value, b'{') => {
                self.way.push(false);
                (State::Key, 1)
            }
            (State::Value, b'[') => {
                self.way.push(true);
                self.place = 0;
                self.element();
                return Ok(1);
            }
            (State::Key, b'"') => {
                self.key.clear();
                (State::InKey { is_escaped: false }, 1)
            }
            (State::Colon, b':') => {
                let is_step = self.is_step();
                self.nesting = Nesting::of_member();
                (if is_step { State::Value } else { State::Passed }, 1)
            }
            (State::BehindPassed, b',') if is_array => {
                self.place += 1;
                self.element();
                return Ok(1);
            }
            (State::BehindPassed, b',') => (State::Key, 1),
            (State::End, _) => return Err(error("expected nothing behind the JSON document", at)),
            _ => return Err(error("the document has no records where `records_at` says, or is no JSON", at)),
        };
        self.state = state;
        Ok(taken)
    }

    /// Goes to the next element of an array.
    fn element(&mut self) {
        let step = &self.pointer.steps()[self.way.len() - 1];
        let is_step = *step == self.place.to_string();
        self.nesting = Nesting::default();
        self.state = if is_step { State::Value } else { State::Passed };
    }

    fn key_byte(&mut self, byte: u8, is_escaped: bool) -> usize {
        match byte {
            b'"' if !is_escaped => self.state = State::Colon,
            _ => {
                let step = self.pointer.steps().get(self.way.len() - 1).map_or(0, String::len);
                // A key that is longer cannot be the step.
                if self.key.len() <= step * ESCAPED_BYTES {
                    self.key.push(byte);
                }
                self.state = State::InKey { is_escaped: byte == b'\\' && !is_escaped };
            }
        }
        1
    }

    /// Whether the key that was read is the next step.
    fn is_step(&self) -> bool {
        let step = &self.pointer.steps()[self.way.len() - 1];
        let quoted = [b"\"", self.key.as_slice(), b"\""].concat();
        serde_json::from_slice::<String>(&quoted).is_ok_and(|key| key == *step)
    }
}

impl Framer for PointedFramer {
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        for part in self.mark.behind(piece) {
            self.part(part, sink)?;
        }
        Ok(())
    }

    fn finish(&mut self, _sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        match self.state {
            State::End => Ok(()),
            State::Records | State::Rest => Err(error("the JSON document is not closed", self.offset).into()),
            _ => Err(error("the document has no records where `records_at` says", self.offset).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::options::ReadOptions;

    fn cut(pointer: &str, body: &str, step: usize) -> Result<Vec<(u64, String)>, String> {
        let mut options = ReadOptions::default();
        options.set("records_at", pointer).unwrap();
        let mut framer = PointedFramer::new(100, options.records_at.unwrap());
        let mut records = Vec::new();
        let mut sink = |place: u64, frame: Frame<'_>| match frame {
            Frame::Record(bytes) => records.push((place, String::from_utf8_lossy(bytes).into_owned())),
            Frame::TooLarge => records.push((place, "too large".to_owned())),
        };
        for piece in body.as_bytes().chunks(step) {
            Framer::push(&mut framer, piece, &mut sink).map_err(|error| error.to_string())?;
        }
        Framer::finish(&mut framer, &mut sink).map_err(|error| error.to_string())?;
        Ok(records)
    }

    #[test]
    fn records_are_found_wherever_they_are_and_the_pieces_end() {
        for (pointer, body) in [
            ("", "[{\"a\":1},{}]"),
            ("/data", "\u{feff}{\"data\":[{\"a\":1},{}]}"),
            (
                "/data",
                " { \"x\" : {\"data\":[7]} , \"y\":\"}\\\"]\", \"z\":-1.5e3,\"d\\u0061ta\" : [ {\"a\":1}, {} ] , \"w\":[[]]} ",
            ),
            ("/a~1b/1/ü", "{\"a\":[],\"a/b\":[[1],{\"ü\":[{\"a\":1},{}],\"v\":null},2]}"),
            ("/0", "[[{\"a\":1},{}],[3]]"),
        ] {
            for step in 1..body.len() {
                let records = cut(pointer, body, step).unwrap();
                let trimmed: Vec<_> = records.iter().map(|(place, text)| (*place, text.trim())).collect();
                assert_eq!(trimmed, [(1, "{\"a\":1}"), (2, "{}")], "{body} in {step}");
            }
        }
        assert_eq!(cut("/data", "{\"data\":{\"a\":1},\"b\":2}", 3), Ok(vec![(1, "{\"a\":1}".to_owned())]));
        assert_eq!(cut("/data", "{\"data\":[]}", 1), Ok(vec![]));
    }

    #[test]
    fn a_document_without_records_there_is_refused() {
        for (pointer, body) in [
            ("/data", ""),
            ("/data", "[]"),
            ("/data", "7"),
            ("/data", "{\"x\":1}"),
            ("/data", "{\"data\":7}"),
            ("/data", "{\"data\":[{}"),
            ("/data", "{\"data\":[{}]"),
            ("/data", "{\"data\":[{}]}}"),
            ("/data", "{\"data\":[{}]} {}"),
            ("/2", "[[],[]]"),
            ("/data", "{\"data\" [{}]}"),
        ] {
            for step in [1, 100] {
                assert!(cut(pointer, body, step).is_err(), "{body}");
            }
        }
    }

    #[test]
    fn what_is_passed_over_is_not_held() {
        let long = "x".repeat(10_000);
        let body = format!("{{\"{long}\":\"{long}\",\"{long}\":[\"{long}\"],\"data\":[{{}},{{\"a\":\"{long}\"}}]}}");
        assert_eq!(cut("/data", &body, 7), Ok(vec![(1, "{}".to_owned()), (2, "too large".to_owned())]));
    }

    proptest! {
        #[test]
        fn any_records_are_cut_out_of_any_document(
            values in proptest::collection::vec("\\PC{0,8}", 0..6),
            keys in proptest::collection::vec("\\PC{0,6}", 0..4),
            step in 1_usize..20,
        ) {
            prop_assume!(!keys.iter().any(|key| key == "data"));
            let records: Vec<_> = values.iter().map(|value| serde_json::json!({"v": value})).collect();
            let mut document = serde_json::Map::new();
            for (index, key) in keys.iter().enumerate() {
                document.insert(key.clone(), serde_json::json!([{"data": index}, key]));
            }
            document.insert("data".into(), records.clone().into());
            let body = serde_json::Value::Object(document).to_string();
            let expected = records.iter().zip(1..).map(|(record, place)| (place, record.to_string())).collect();
            prop_assert_eq!(cut("/data", &body, step), Ok(expected));
        }
    }
}
