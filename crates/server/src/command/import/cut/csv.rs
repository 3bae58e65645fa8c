//! Ends of the records of CSV, told by quotes as the server tells them.

use eider_application::ingest::{BYTE_ORDER_MARK, ReadOptions};

use super::{End, What};

/// Where the scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    CellStart,
    /// In a cell behind its first byte, where a quote opens nothing.
    Text,
    Quotes,
    /// Behind a quote in quotes: it closed them, unless another follows.
    BehindQuote,
    /// In a line that is passed over.
    Passed,
    /// Behind a carriage return that ends a line, perhaps with a line feed.
    BehindCr,
}

/// Tells where records of CSV end.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a place of its own, and several hold at once")]
pub(super) struct CsvCutter {
    delimiter: Vec<u8>,
    quote: Option<u8>,
    escape: Option<u8>,
    comment: Option<u8>,
    ends_at_cr: bool,
    /// Lines that are still to be passed over in front of all others.
    skip: u64,
    needs_header: bool,
    at: At,
    is_escaped: bool,
    /// Whether the current line is one that is passed over.
    is_passed: bool,
    is_blank: bool,
    /// The last bytes outside quotes, where a delimiter of several may end.
    tail: Vec<u8>,
}

impl CsvCutter {
    /// What cuts CSV with a delimiter, if the options name no other.
    ///
    /// # Errors
    /// Why text of the encoding cannot be cut before it is decoded.
    pub(super) fn new(delimiter: &[u8], reading: &ReadOptions, beginning: &[u8]) -> Result<Self, String> {
        let given = reading.given();
        let of = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str());
        let sign = |name: &str| of(name).filter(|text| *text != "none").map(|text| text.as_bytes()[0]);
        let is_marked_utf16 = beginning.starts_with(b"\xff\xfe") || beginning.starts_with(b"\xfe\xff");
        let is_safe =
            reading.csv.encoding.is_none_or(|encoding| encoding.is_single_byte() || encoding.name() == "UTF-8");
        if is_marked_utf16 || !is_safe {
            return Err("text of this encoding is not cut into records here; convert it to UTF-8".to_owned());
        }
        let text = beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning);
        let hint = separator(text).filter(|_| of("csv.skip").is_none_or(|skip| skip == "0"));
        let said = reading.csv.delimiter.map(|delimiter| delimiter.as_bytes().to_vec());
        Ok(Self {
            delimiter: said.or(hint.map(<[u8]>::to_vec)).unwrap_or_else(|| delimiter.to_vec()),
            quote: if of("csv.quote").is_some() { sign("csv.quote") } else { Some(b'"') },
            escape: sign("csv.escape"),
            comment: sign("csv.comment"),
            ends_at_cr: of("csv.line_end") == Some("any"),
            skip: if hint.is_some() { 1 } else { reading.csv.skip.unwrap_or_default() },
            needs_header: of("csv.header") != Some("absent"),
            at: At::LineStart,
            is_escaped: false,
            is_passed: false,
            is_blank: true,
            tail: Vec::new(),
        })
    }

    pub(super) fn ends_at_cr(&self) -> bool {
        self.ends_at_cr
    }

    pub(super) fn look(&mut self, bytes: &[u8]) -> Option<End> {
        for (place, byte) in bytes.iter().copied().enumerate() {
            if self.at == At::BehindCr {
                let bytes = if byte == b'\n' { place + 1 } else { place };
                return Some(End { bytes, what: self.end() });
            }
            if self.at == At::LineStart {
                self.is_passed = self.skip > 0 || self.comment == Some(byte);
                self.at = if self.is_passed { At::Passed } else { At::CellStart };
            }
            if self.at == At::Quotes {
                self.quoted(byte);
                continue;
            }
            let opens = matches!(self.at, At::CellStart | At::BehindQuote) && self.quote == Some(byte);
            match byte {
                b'\n' => return Some(End { bytes: place + 1, what: self.end() }),
                b'\r' if self.ends_at_cr => self.at = At::BehindCr,
                _ if self.at == At::Passed => {}
                _ if opens => {
                    self.at = At::Quotes;
                    self.is_blank = false;
                    self.tail.clear();
                }
                _ => {
                    self.is_blank &= byte == b'\r';
                    self.at = if self.ends_delimiter(byte) { At::CellStart } else { At::Text };
                }
            }
        }
        None
    }

    /// What the bytes are that no end follows.
    pub(super) fn finish(&mut self) -> What {
        self.end()
    }

    fn quoted(&mut self, byte: u8) {
        if std::mem::take(&mut self.is_escaped) {
        } else if self.escape == Some(byte) {
            self.is_escaped = true;
        } else if self.quote == Some(byte) {
            self.at = At::BehindQuote;
        }
    }

    /// Whether a delimiter ends with a byte outside quotes.
    fn ends_delimiter(&mut self, byte: u8) -> bool {
        if let [delimiter] = self.delimiter.as_slice() {
            return byte == *delimiter;
        }
        self.tail.push(byte);
        let over = self.tail.len().saturating_sub(self.delimiter.len());
        self.tail.drain(..over);
        self.tail == self.delimiter
    }

    /// Ends the current line or record.
    fn end(&mut self) -> What {
        let is_before_header = self.needs_header || self.skip > 0;
        let is_passed = std::mem::take(&mut self.is_passed);
        let is_blank = std::mem::replace(&mut self.is_blank, true);
        self.at = At::LineStart;
        self.tail.clear();
        if is_passed {
            self.skip = self.skip.saturating_sub(1);
        } else if !is_blank {
            self.needs_header = false;
        }
        match (is_before_header, is_passed || is_blank) {
            (true, _) => What::Opening,
            (false, true) => What::Other,
            (false, false) => What::Record,
        }
    }
}

/// The delimiter that a first line `sep=;` names.
fn separator(text: &[u8]) -> Option<&[u8]> {
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().filter(|line| line.len() < text.len())?;
    let delimiter = line.strip_prefix(b"sep=")?;
    let is_one = (1..=8).contains(&delimiter.len()) && !delimiter.contains(&b'"');
    is_one.then_some(if delimiter == b"\\t" { b"\t" } else { delimiter })
}
