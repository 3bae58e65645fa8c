//! Text of other encodings than UTF-8, decoded while it arrives.

use std::fmt;

use encoding_rs::{Decoder, DecoderResult, Encoding};

use crate::reader::ReadError;
use crate::reader::rows::{Frame, Framer};

/// Bytes of UTF-8 that are decoded at a time.
const WINDOW_BYTES: usize = 64 << 10;
/// What stands for bytes that are none of the encoding: no UTF-8 either, so that the record that has them is refused.
const MALFORMED: &[u8] = b"\xff";

/// A framer of text in another encoding. Holds a window of decoded text, whatever the size of the pieces.
pub(crate) struct Transcoded<F> {
    decoder: Decoder,
    window: Vec<u8>,
    framer: F,
}

impl<F: Framer> Transcoded<F> {
    pub(crate) fn new(encoding: &'static Encoding, framer: F) -> Self {
        Self { decoder: encoding.new_decoder_with_bom_removal(), window: vec![0; WINDOW_BYTES], framer }
    }

    fn decode(&mut self, piece: &[u8], is_last: bool, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        let mut rest = piece;
        loop {
            let (outcome, read, written) =
                self.decoder.decode_to_utf8_without_replacement(rest, &mut self.window, is_last);
            self.framer.push(&self.window[..written], sink)?;
            rest = &rest[read..];
            match outcome {
                DecoderResult::InputEmpty => return Ok(()),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.framer.push(MALFORMED, sink)?,
            }
        }
    }
}

impl<F: Framer> Framer for Transcoded<F> {
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        self.decode(piece, false, sink)
    }

    fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        self.decode(&[], true, sink)?;
        self.framer.finish(sink)
    }
}

impl<F: fmt::Debug> fmt::Debug for Transcoded<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoding = self.decoder.encoding().name();
        f.debug_struct("Transcoded").field("encoding", &encoding).field("framer", &self.framer).finish_non_exhaustive()
    }
}
