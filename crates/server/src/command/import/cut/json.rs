//! Ends of the records of a JSON array, or of objects one behind the other.

use eider_application::ingest::BYTE_ORDER_MARK;

use super::{End, What};

/// What holds the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Holder {
    #[default]
    Unknown,
    Array,
    /// Nothing: they stand one behind the other.
    Nothing,
}

/// Tells where the records of JSON end.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a place of its own, and several hold at once")]
pub(super) struct JsonCutter {
    holder: Holder,
    depth: u64,
    in_string: bool,
    is_escaped: bool,
    /// Whether something of the current record was met.
    is_begun: bool,
    /// Whether a comma was the last that was met between records.
    is_behind_comma: bool,
    /// Whether the array has ended.
    is_closed: bool,
    /// Whether there is something behind it.
    has_more: bool,
    /// Whether the first stretch was handed out.
    is_trimmed: bool,
}

impl JsonCutter {
    pub(super) fn look(&mut self, bytes: &[u8]) -> Option<End> {
        for (place, byte) in bytes.iter().copied().enumerate() {
            if self.in_string {
                match byte {
                    _ if std::mem::take(&mut self.is_escaped) => {}
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            let is_in_array = self.holder == Holder::Array && self.depth == 1;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ if self.is_closed => self.has_more = true,
                b'[' if self.holder == Holder::Unknown => {
                    self.holder = Holder::Array;
                    self.depth = 1;
                }
                // The comma and the bracket belong to what follows.
                b',' | b']' if is_in_array && self.is_begun => {
                    self.is_begun = false;
                    return Some(End { bytes: place, what: What::Record });
                }
                b',' if is_in_array => self.is_behind_comma = true,
                b']' if is_in_array => {
                    self.depth = 0;
                    self.is_closed = true;
                }
                _ => {
                    self.begin();
                    match byte {
                        b'"' => self.in_string = true,
                        b'{' | b'[' => self.depth += 1,
                        b'}' | b']' => {
                            self.depth = self.depth.saturating_sub(1);
                            if self.depth == 0 && self.holder == Holder::Nothing {
                                self.is_begun = false;
                                return Some(End { bytes: place + 1, what: What::Record });
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        None
    }

    fn begin(&mut self) {
        if self.holder == Holder::Unknown {
            self.holder = Holder::Nothing;
        }
        self.is_begun = true;
        self.is_behind_comma = false;
    }

    /// What the bytes are that no end follows.
    ///
    /// # Errors
    /// Why they do not end a document.
    pub(super) fn finish(&self) -> Result<What, String> {
        match self.holder {
            Holder::Array if self.has_more => Err("there is text behind the JSON array".to_owned()),
            Holder::Array if !self.is_closed => Err("the JSON array does not end".to_owned()),
            Holder::Array if self.is_behind_comma => Err("a comma stands behind the last record".to_owned()),
            _ if self.is_begun => Ok(What::Record),
            _ => Ok(What::Other),
        }
    }

    /// A stretch without white space, and without the comma or the bracket in front of a record.
    pub(super) fn trimmed<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let is_first = !std::mem::replace(&mut self.is_trimmed, true);
        let bytes = if is_first { bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes) } else { bytes };
        let bytes = bytes.trim_ascii();
        let before: &[u8] = if is_first { b"[" } else { b"," };
        match self.holder {
            Holder::Array => bytes.strip_prefix(before).unwrap_or(bytes).trim_ascii(),
            Holder::Unknown | Holder::Nothing => bytes,
        }
    }
}
