//! Cutting lines while they arrive, without parsing what is on them.

use memchr::memchr;

use crate::reader::ReadError;
use crate::reader::rows::{Carry, Frame, Framer, Mark};

/// Cuts a text that arrives in pieces of any size into lines; the last needs no line feed.
///
/// Holds at most one line, of at most `max_record_bytes`.
#[derive(Debug)]
pub(super) struct LineFramer {
    mark: Mark,
    carry: Carry,
    /// The current line, from 1.
    line: u64,
}

impl LineFramer {
    pub(super) fn new(max_record_bytes: usize) -> Self {
        Self { mark: Mark::new(), carry: Carry::new(max_record_bytes), line: 1 }
    }

    fn part(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            self.complete(&rest[..end], sink);
            self.line += 1;
            rest = &rest[end + 1..];
        }
        self.carry.keep(rest);
    }

    /// Hands out the line that ends with `part`, unless it is blank.
    fn complete(&mut self, part: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) {
        let line = self.line;
        self.carry.complete(part, |frame| match frame {
            Frame::Record(record) if record.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) => {}
            frame => sink(line, frame),
        });
    }
}

impl Framer for LineFramer {
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        for part in self.mark.behind(piece) {
            self.part(part, sink);
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        let begun = self.mark.end();
        self.part(begun, sink);
        self.complete(&[], sink);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cut = Vec<(u64, Option<String>)>;

    /// Cuts a body that arrives in pieces of `step` bytes.
    fn cut(body: &str, step: usize, max: usize) -> Cut {
        let mut framer = LineFramer::new(max);
        let mut records = Cut::new();
        let mut sink = |line, frame: Frame<'_>| {
            let text = match frame {
                Frame::Record(bytes) => Some(String::from_utf8_lossy(bytes).trim().to_owned()),
                Frame::TooLarge => None,
            };
            records.push((line, text));
        };
        for piece in body.as_bytes().chunks(step) {
            framer.push(piece, &mut sink).unwrap();
        }
        framer.finish(&mut sink).unwrap();
        records
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
            assert_eq!(cut(body, step, 100), expected, "step {step}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_wherever_the_pieces_end() {
        let records = |texts: &[&str]| -> Cut {
            texts.iter().zip(1..).map(|(text, line)| (line, Some((*text).to_owned()))).collect()
        };
        for step in 1..8 {
            assert_eq!(cut("\u{feff}{}\n{}\n", step, 100), records(&["{}", "{}"]), "step {step}");
            // One that stands anywhere else is no mark, and the beginning of one is none.
            assert_eq!(cut("\u{feff}\u{feff}{}", step, 100), records(&["\u{feff}{}"]), "step {step}");
            assert_eq!(cut("\u{fec0}{}", step, 100), records(&["\u{fec0}{}"]), "step {step}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over_and_the_next_is_read() {
        let body = format!("{{}}\n{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(100));
        let expected = vec![(1, Some("{}".to_owned())), (2, None), (3, Some("{}".to_owned()))];
        for step in [1, 7, 1000] {
            assert_eq!(cut(&body, step, 50), expected);
        }
    }
}
