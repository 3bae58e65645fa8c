//! What the framers of all formats share: the record that they hand out, its beginning that they keep, the mark in front.

/// One record of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// The bytes of the record, not yet known to be JSON.
    Record(&'a [u8]),
    /// A record that is longer than one record may be; its bytes are gone.
    TooLarge,
}

/// The beginning of a record whose end has not arrived. Holds at most as many bytes as a record may have.
#[derive(Debug)]
pub(crate) struct Carry {
    max_record_bytes: usize,
    held: Vec<u8>,
    /// The current record has outgrown the limit and is being passed over.
    is_oversized: bool,
}

impl Carry {
    pub(crate) fn new(max_record_bytes: usize) -> Self {
        Self { max_record_bytes, held: Vec::new(), is_oversized: false }
    }

    /// Keeps the beginning of a record for the next piece.
    pub(crate) fn keep(&mut self, part: &[u8]) {
        if self.held.len() + part.len() > self.max_record_bytes {
            self.is_oversized = true;
            self.held = Vec::new();
        } else if !self.is_oversized {
            self.held.extend_from_slice(part);
        }
    }

    /// Hands out the record that ends with `part`.
    pub(crate) fn complete(&mut self, part: &[u8], hand_out: impl FnOnce(Frame<'_>)) {
        if self.is_oversized || self.held.len() + part.len() > self.max_record_bytes {
            self.is_oversized = false;
            self.held.clear();
            hand_out(Frame::TooLarge);
        } else if self.held.is_empty() {
            // Most records lie within one piece, and are not copied.
            hand_out(Frame::Record(part));
        } else {
            self.held.extend_from_slice(part);
            hand_out(Frame::Record(&self.held));
            self.held.clear();
        }
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
