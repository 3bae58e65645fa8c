//! The dialects of CSV: what a call may say of one, and what holds once it has.

use std::fmt;
use std::str::FromStr;

use encoding_rs::{Encoding, UTF_8};
use strum::{Display, EnumString, VariantNames};

use super::OptionError;

/// Most bytes of a delimiter.
const MAX_DELIMITER_BYTES: usize = 8;
/// Most rows that name the columns.
pub(crate) const MAX_HEADER_ROWS: u8 = 8;

/// What stands between two cells: one character or a few.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Delimiter {
    bytes: [u8; MAX_DELIMITER_BYTES],
    length: usize,
}

impl Delimiter {
    /// `,`
    pub const COMMA: Self = Self::of_byte(b',');
    /// A tab.
    pub const TAB: Self = Self::of_byte(b'\t');

    /// A delimiter that is one character of ASCII.
    pub(crate) const fn of_byte(byte: u8) -> Self {
        let mut bytes = [0; MAX_DELIMITER_BYTES];
        bytes[0] = byte;
        Self { bytes, length: 1 }
    }

    /// The delimiter that a text stands for: itself, and a tab for `\t`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = if text == "\\t" { "\t" } else { text };
        if text.is_empty() || text.len() > MAX_DELIMITER_BYTES || text.contains(['\r', '\n', '"']) {
            return Err(format!(
                "it takes a character, or a few of at most {MAX_DELIMITER_BYTES} bytes, none of them a quote or the end of \
                 a line"
            ));
        }
        let mut bytes = [0; MAX_DELIMITER_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length: text.len() })
    }

    /// Its UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_bytes() {
            b"\t" => f.write_str("\\t"),
            bytes => f.write_str(&String::from_utf8_lossy(bytes)),
        }
    }
}

impl fmt::Debug for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// A character of ASCII that means something in CSV, or that none does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// None does.
    None,
    /// This one does.
    Byte(u8),
}

impl Sign {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            b"none" => Ok(Self::None),
            [byte] if byte.is_ascii_graphic() => Ok(Self::Byte(*byte)),
            _ => Err("it takes a visible character of ASCII, or `none`".to_owned()),
        }
    }

    fn byte(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Byte(byte) => Some(byte),
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Byte(byte) => write!(f, "{}", char::from(*byte)),
        }
    }
}

/// Whether the first record names the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Header {
    /// It does.
    Present,
    /// It is a record as any other.
    Absent,
    /// It does, but for the first column, which it leaves out: that one names the rows, as `write.table` of R has it.
    RowNames,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum LineEnd {
    /// LF, and a CR in front of it goes with it. A CR elsewhere is text.
    Lf,
    /// LF, CR, or CR and LF, in any mixture.
    Any,
}

/// What becomes of records with other numbers of cells than the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Ragged {
    /// They are refused.
    Refuse,
    /// Cells that are missing at the end are null, and empty ones too many are passed over.
    Pad,
}

/// What becomes of records whose cells are all empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum EmptyRows {
    /// They are records without a value.
    Keep,
    /// They are passed over, as blank lines are.
    Skip,
}

macro_rules! parse {
    ($($of:ty),*) => {
        $(impl $of {
            pub(super) fn parse(text: &str) -> Result<Self, String> {
                Self::from_str(text).map_err(|_| format!("it takes {}", Self::VARIANTS.join(", ")))
            }
        })*
    };
}

parse!(EmptyRows, Header, LineEnd, Ragged);

/// How many rows name the columns.
pub(super) fn header_rows(text: &str) -> Result<u8, String> {
    let rows = text.parse::<u8>().ok().filter(|rows| (1..=MAX_HEADER_ROWS).contains(rows));
    rows.ok_or_else(|| format!("it takes a number of rows, 1 to {MAX_HEADER_ROWS}"))
}

/// Whether the decimals of numbers stand behind a comma.
pub(super) fn decimal_comma(text: &str) -> Result<bool, String> {
    match text {
        "." => Ok(false),
        "," => Ok(true),
        _ => Err("it takes `.` or `,`".to_owned()),
    }
}

/// The encoding of a label (<https://encoding.spec.whatwg.org/#names-and-labels>).
pub(super) fn encoding(text: &str) -> Result<&'static Encoding, String> {
    let found = Encoding::for_label_no_replacement(text.as_bytes());
    found.ok_or_else(|| {
        "it takes the label of an encoding, such as `utf-8`, `utf-16`, `windows-1252`, `latin1` or `shift_jis`"
            .to_owned()
    })
}

/// What a call says of the CSV of its body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CsvOptions {
    /// What stands between cells; the format says what if nobody does.
    pub delimiter: Option<Delimiter>,
    /// What stands around cells; `"` by default.
    pub quote: Option<Sign>,
    /// What stands before a quote within a quoted cell, beside a second quote; nothing by default.
    pub escape: Option<Sign>,
    /// What begins a line that is passed over; nothing by default.
    pub comment: Option<Sign>,
    /// Whether there is a header row; by default there is.
    pub header: Option<Header>,
    /// How many rows name the columns, where the first is not alone.
    pub header_rows: Option<u8>,
    /// What becomes of records whose cells are all empty.
    pub empty_rows: Option<EmptyRows>,
    /// Lines in front of all others that are passed over.
    pub skip: Option<u64>,
    /// Whether the decimals of numbers stand behind a comma.
    pub decimal_comma: Option<bool>,
    /// How text is encoded; a byte order mark says it more surely.
    pub encoding: Option<&'static Encoding>,
    /// What becomes of records with other numbers of cells than the header.
    pub ragged: Option<Ragged>,
    /// What ends a line.
    pub line_end: Option<LineEnd>,
}

impl CsvOptions {
    /// The dialect, where `delimiter` stands between cells if nothing else is said.
    pub(crate) fn dialect(&self, delimiter: Delimiter) -> CsvDialect {
        CsvDialect {
            delimiter: self.delimiter.unwrap_or(delimiter),
            quote: self.quote.map_or(Some(b'"'), Sign::byte),
            escape: self.escape.and_then(Sign::byte),
            comment: self.comment.and_then(Sign::byte),
            header_rows: if self.header == Some(Header::Absent) { 0 } else { self.header_rows.unwrap_or(1) },
            has_row_names: self.header == Some(Header::RowNames),
            skips_empty_rows: self.empty_rows == Some(EmptyRows::Skip),
            skip: self.skip.unwrap_or_default(),
            has_decimal_comma: self.decimal_comma.unwrap_or_default(),
            encoding: self.encoding.unwrap_or(UTF_8),
            pads: self.ragged == Some(Ragged::Pad),
            ends_at_cr: self.line_end == Some(LineEnd::Any),
        }
    }

    /// Refuses signs of which one could be taken for another.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        let dialect = self.dialect(Delimiter::COMMA);
        let is_in_delimiter = |sign: Option<u8>| sign.is_some_and(|byte| dialect.delimiter.as_bytes().contains(&byte));
        for (name, sign) in
            [("csv.quote", dialect.quote), ("csv.escape", dialect.escape), ("csv.comment", dialect.comment)]
        {
            if is_in_delimiter(sign) {
                return Err(OptionError::new(name, "it may not be part of the delimiter"));
            }
        }
        if self.header == Some(Header::Absent) && self.header_rows.is_some() {
            return Err(OptionError::new("csv.header_rows", "there is no header with `csv.header=absent`"));
        }
        if dialect.escape.is_some() && dialect.quote.is_none() {
            return Err(OptionError::new("csv.escape", "it stands before quotes, and there are none"));
        }
        for (name, sign) in [("csv.escape", dialect.escape), ("csv.comment", dialect.comment)] {
            if sign.is_some() && sign == dialect.quote {
                return Err(OptionError::new(
                    name,
                    "it may not be the quote; a quote in a cell is doubled in any case",
                ));
            }
        }
        Ok(())
    }
}

/// The CSV of one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct CsvDialect {
    /// What stands between cells.
    pub delimiter: Delimiter,
    /// What stands around cells that hold what would end them.
    pub quote: Option<u8>,
    /// What stands before a quote within a quoted cell, beside a second quote.
    pub escape: Option<u8>,
    /// What begins a line that is passed over.
    pub comment: Option<u8>,
    /// How many records, the first ones, name the columns.
    pub header_rows: u8,
    /// Whether they leave out the first column, which names the rows.
    pub has_row_names: bool,
    /// Whether records whose cells are all empty are passed over.
    pub skips_empty_rows: bool,
    /// Lines in front of all others that are passed over.
    pub skip: u64,
    /// Whether the decimals of numbers stand behind a comma.
    pub has_decimal_comma: bool,
    /// How text is encoded.
    pub encoding: &'static Encoding,
    /// Whether cells that are missing at the end are null, and empty ones too many passed over.
    pub pads: bool,
    /// Whether a CR alone ends a line, too.
    pub ends_at_cr: bool,
}

impl CsvDialect {
    /// Whether a line without the LF or CR that ended it is no record, though nothing says that it is passed over: it is
    /// blank, or, where those do not count, its cells are all empty.
    pub fn is_no_record(&self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.is_empty() || self.skips_empty_rows && self.has_only_empty_cells(line)
    }

    /// Whether a record is delimiters and nothing else.
    pub(crate) fn has_only_empty_cells(&self, record: &[u8]) -> bool {
        let delimiter = self.delimiter.as_bytes();
        record.chunks(delimiter.len()).all(|piece| piece == delimiter)
    }
}
