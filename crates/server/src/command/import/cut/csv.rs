//! Ends of the records of CSV, told by quotes as the server tells them.

use eider_application::ingest::CsvDialect;

use super::What;

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
pub(super) struct CsvCutter {
    dialect: CsvDialect,
    /// Lines that are still to be passed over in front of all others.
    skip: u64,
    /// Records that still belong to the header.
    header_rows: u8,
    at: At,
    is_escaped: bool,
    /// Whether the current line is one that is passed over.
    is_passed: bool,
    /// The last bytes outside quotes, where a delimiter of several may end.
    tail: Vec<u8>,
}

impl CsvCutter {
    /// What cuts CSV of a dialect.
    ///
    /// # Errors
    /// Why text of the encoding cannot be cut before it is decoded.
    pub(super) fn new(dialect: CsvDialect) -> Result<Self, String> {
        if !dialect.encoding.is_single_byte() && dialect.encoding.name() != "UTF-8" {
            return Err("text of this encoding is not cut into records here; convert it to UTF-8".to_owned());
        }
        let CsvDialect { skip, header_rows, .. } = dialect;
        let (at, tail) = (At::LineStart, Vec::new());
        Ok(Self { dialect, skip, header_rows, at, is_escaped: false, is_passed: false, tail })
    }

    pub(super) fn ends_at_cr(&self) -> bool {
        self.dialect.ends_at_cr
    }

    /// Bytes up to the end of the current line or record, if it is in these, which go on where the last ones ended.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        for (place, byte) in bytes.iter().copied().enumerate() {
            if self.at == At::BehindCr {
                return Some(if byte == b'\n' { place + 1 } else { place });
            }
            if self.at == At::LineStart {
                self.is_passed = self.skip > 0 || self.dialect.comment == Some(byte);
                self.at = if self.is_passed { At::Passed } else { At::CellStart };
            }
            if self.at == At::Quotes {
                self.quoted(byte);
                continue;
            }
            let opens = matches!(self.at, At::CellStart | At::BehindQuote) && self.dialect.quote == Some(byte);
            match byte {
                b'\n' => return Some(place + 1),
                b'\r' if self.dialect.ends_at_cr => self.at = At::BehindCr,
                _ if self.at == At::Passed => {}
                _ if opens => {
                    self.at = At::Quotes;
                    self.tail.clear();
                }
                _ => self.at = if self.ends_delimiter(byte) { At::CellStart } else { At::Text },
            }
        }
        None
    }

    /// What the line or record is that has ended, with what ended it.
    pub(super) fn told(&mut self, ended: &[u8]) -> What {
        self.at = At::LineStart;
        self.tail.clear();
        let is_passed = std::mem::take(&mut self.is_passed);
        let is_none = is_passed || self.dialect.is_no_record(ended.strip_suffix(b"\n").unwrap_or(ended));
        let is_opening = self.skip > 0 || self.header_rows > 0;
        if is_passed {
            self.skip = self.skip.saturating_sub(1);
        } else if !is_none {
            self.header_rows = self.header_rows.saturating_sub(1);
        }
        match (is_opening, is_none) {
            (true, _) => What::Opening,
            (false, true) => What::Other,
            (false, false) => What::Record,
        }
    }

    fn quoted(&mut self, byte: u8) {
        if std::mem::take(&mut self.is_escaped) {
        } else if self.dialect.escape == Some(byte) {
            self.is_escaped = true;
        } else if self.dialect.quote == Some(byte) {
            self.at = At::BehindQuote;
        }
    }

    /// Whether a delimiter ends with a byte outside quotes.
    fn ends_delimiter(&mut self, byte: u8) -> bool {
        let delimiter = self.dialect.delimiter;
        if let [delimiter] = delimiter.as_bytes() {
            return byte == *delimiter;
        }
        self.tail.push(byte);
        let over = self.tail.len().saturating_sub(delimiter.as_bytes().len());
        self.tail.drain(..over);
        self.tail == delimiter.as_bytes()
    }
}
