//! Where records end in an input: so that it can be sent in parts that are whole, and refused records be given back.

mod csv;
mod json;

use std::io::{self, Read};

use eider_application::ingest::{BYTE_ORDER_MARK, BodyFormat, Delimiter, ReadOptions, csv_dialect};
use memchr::{memchr, memchr_iter};

use self::csv::CsvCutter;
use self::json::JsonCutter;

/// Bytes that are read at once.
const BLOCK_BYTES: usize = 256 << 10;
/// Bytes of a record at most. The server takes far less; this bounds what an input without ends of lines costs.
const MAX_RECORD_BYTES: usize = 256 << 20;

/// What a stretch of an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// It says how the rest is to be read, as a header does.
    Opening,
    Record,
    /// Neither: blank lines, comments, brackets.
    Other,
}

/// A stretch of an input that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// Bytes up to its end, of those that were looked at.
    bytes: usize,
    what: What,
}

/// What knows where records end in a format.
#[derive(Debug)]
enum Cutter {
    Lines,
    Csv(CsvCutter),
    Json(JsonCutter),
}

/// Cuts an input into records.
#[derive(Debug)]
pub(super) struct Records<R> {
    reader: R,
    cutter: Cutter,
    buffer: Vec<u8>,
    /// Where the current stretch begins in the buffer.
    begin: usize,
    /// Where it has not been looked at.
    looked: usize,
    is_ended: bool,
    /// Where the current stretch begins in the input.
    offset: u64,
    /// The line on which it begins; for JSON the place of the record.
    line: u64,
}

/// A stretch of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) what: What,
    /// What a failure of the record names: its first line from 1, or its place in JSON.
    pub(super) line: u64,
    /// How far the next is behind that.
    pub(super) lines: u64,
    pub(super) offset: u64,
}

impl<R: Read> Records<R> {
    /// Cuts what a reader gives, as a format and its options have it.
    ///
    /// # Errors
    /// Why it cannot be cut, or why it cannot be read.
    pub(super) fn new(mut reader: R, format: BodyFormat, reading: &ReadOptions) -> io::Result<Self> {
        let mut buffer = Vec::new();
        Read::by_ref(&mut reader).take(BLOCK_BYTES as u64).read_to_end(&mut buffer)?;
        let cutter = Cutter::new(format, reading, &buffer).map_err(io::Error::other)?;
        let looked = if buffer.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Ok(Self { reader, cutter, buffer, begin: 0, looked, is_ended: false, offset: 0, line: 1 })
    }

    /// The next stretch; none at the end.
    ///
    /// # Errors
    /// When reading fails, or the input does not end as its format does.
    pub(super) fn next(&mut self) -> io::Result<Option<Stretch<'_>>> {
        let end = loop {
            if let Some(end) = self.cutter.look(&self.buffer[self.looked..]) {
                break End { bytes: self.looked - self.begin + end.bytes, what: end.what };
            }
            self.looked = self.buffer.len();
            if self.is_ended {
                let rest = &self.buffer[self.begin..];
                let what = self.cutter.finish().map_err(io::Error::other)?;
                if rest.is_empty() {
                    return Ok(None);
                }
                break End { bytes: rest.len(), what };
            }
            self.fill()?;
        };
        let bytes = &self.buffer[self.begin..self.begin + end.bytes];
        let what = match &mut self.cutter {
            Cutter::Csv(cutter) if self.offset == 0 => {
                cutter.told(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes))
            }
            Cutter::Csv(cutter) => cutter.told(bytes),
            Cutter::Lines | Cutter::Json(_) => end.what,
        };
        let lines = self.cutter.lines(bytes, what);
        let bytes = self.cutter.trimmed(bytes);
        let stretch = Stretch { bytes, what, line: self.line, lines, offset: self.offset };
        self.line += lines;
        self.offset += end.bytes as u64;
        self.begin += end.bytes;
        self.looked = self.begin;
        Ok(Some(stretch))
    }

    fn fill(&mut self) -> io::Result<()> {
        let open = self.buffer.len() - self.begin;
        if open > MAX_RECORD_BYTES {
            let detail = format!("the record on line {} has more than {} MiB", self.line, MAX_RECORD_BYTES >> 20);
            return Err(io::Error::other(detail));
        }
        self.buffer.drain(..self.begin);
        self.looked -= self.begin;
        self.begin = 0;
        let block = Read::by_ref(&mut self.reader).take(BLOCK_BYTES as u64).read_to_end(&mut self.buffer)?;
        self.is_ended = block == 0;
        Ok(())
    }
}

impl Cutter {
    fn new(format: BodyFormat, reading: &ReadOptions, beginning: &[u8]) -> Result<Self, String> {
        match format {
            BodyFormat::Ndjson => Ok(Self::Lines),
            BodyFormat::Csv => CsvCutter::new(csv_dialect(beginning, reading, Delimiter::COMMA)).map(Self::Csv),
            BodyFormat::Tsv => CsvCutter::new(csv_dialect(beginning, reading, Delimiter::TAB)).map(Self::Csv),
            BodyFormat::JsonArray if reading.records_at.is_some() => {
                Err("records inside a JSON document are not told apart here".to_owned())
            }
            BodyFormat::JsonArray => Ok(Self::Json(JsonCutter::default())),
            BodyFormat::ArrowStream | BodyFormat::Parquet => Err(format!("{format} is not cut into records here")),
        }
    }

    /// The end of the current stretch, if it is in these bytes, which go on where the last ones ended.
    fn look(&mut self, bytes: &[u8]) -> Option<End> {
        match self {
            Self::Lines => memchr(b'\n', bytes).map(|end| End { bytes: end + 1, what: What::Record }),
            Self::Csv(cutter) => cutter.look(bytes).map(|bytes| End { bytes, what: What::Record }),
            Self::Json(cutter) => cutter.look(bytes),
        }
    }

    /// What the last bytes are, behind which there are none.
    fn finish(&mut self) -> Result<What, String> {
        match self {
            Self::Lines | Self::Csv(_) => Ok(What::Record),
            Self::Json(cutter) => cutter.finish(),
        }
    }

    /// Lines that end in a stretch, or records that it is.
    fn lines(&self, bytes: &[u8], what: What) -> u64 {
        match self {
            Self::Lines => 1,
            Self::Csv(cutter) if cutter.ends_at_cr() => {
                let behind_cr = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
                (memchr_iter(b'\n', bytes).count() + memchr_iter(b'\r', bytes).count() - behind_cr) as u64
            }
            Self::Csv(_) => memchr_iter(b'\n', bytes).count() as u64,
            Self::Json(_) => u64::from(what == What::Record),
        }
    }

    /// A stretch without what only stands between it and others.
    fn trimmed<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        match self {
            Self::Lines | Self::Csv(_) => bytes,
            Self::Json(cutter) => cutter.trimmed(bytes),
        }
    }
}

/// A part of an input that can be sent by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) body: Vec<u8>,
    /// Where it begins in the input, in bytes.
    pub(super) offset: u64,
    /// What to add to a line of the body for that of the input.
    shift: i128,
}

impl Chunk {
    /// The line of the input for one of the body.
    pub(super) fn line(&self, line: u64) -> u64 {
        u64::try_from(i128::from(line) + self.shift).unwrap_or(line)
    }
}

/// Cuts an input into chunks: each ends with the first record that ends at so many bytes behind the opening, or later. So
/// they are the same however the input arrives.
#[derive(Debug)]
pub(super) struct Chunks<R> {
    records: Records<R>,
    bytes: usize,
    is_json: bool,
    /// What every chunk begins with.
    opening: Vec<u8>,
    opening_lines: u64,
    is_first: bool,
}

impl<R: Read> Chunks<R> {
    /// Cuts what a reader gives into chunks of about so many bytes.
    ///
    /// # Errors
    /// As [`Records::new`].
    pub(super) fn new(reader: R, format: BodyFormat, reading: &ReadOptions, bytes: usize) -> io::Result<Self> {
        let records = Records::new(reader, format, reading)?;
        let is_json = format == BodyFormat::JsonArray;
        Ok(Self { records, bytes, is_json, opening: Vec::new(), opening_lines: 0, is_first: true })
    }

    /// The next chunk; none at the end. The first is there even if there is no record.
    ///
    /// # Errors
    /// As [`Records::next`].
    pub(super) fn next(&mut self) -> io::Result<Option<Chunk>> {
        let mut body = if self.is_json { b"[".to_vec() } else { self.opening.clone() };
        let (mut begins, mut has_records, mut taken) = (None, false, 0);
        let bytes = self.bytes;
        while taken < bytes {
            let Some(stretch) = self.records.next()? else { break };
            let is_wanted = !self.is_json || stretch.what == What::Record;
            if stretch.what != What::Opening {
                // Without the whole of it, what follows could not be read.
                taken += stretch.bytes.len();
                if is_wanted {
                    begins.get_or_insert((stretch.offset, stretch.line));
                }
            }
            if is_wanted {
                if self.is_json && has_records {
                    body.push(b',');
                }
                body.extend_from_slice(stretch.bytes);
            }
            has_records |= stretch.what == What::Record;
            if stretch.what == What::Opening {
                self.opening.extend_from_slice(stretch.bytes);
                self.opening_lines += stretch.lines;
            }
        }
        if self.is_json {
            body.push(b']');
        }
        let is_first = std::mem::take(&mut self.is_first);
        if !has_records && !is_first {
            // What is left has no record, but there may be some behind it.
            return if taken < bytes { Ok(None) } else { self.next() };
        }
        let (offset, line) = begins.unwrap_or_default();
        let before = if self.is_json { 0 } else { self.opening_lines };
        let shift = if is_first { 0 } else { i128::from(line) - 1 - i128::from(before) };
        let offset = if is_first { 0 } else { offset };
        Ok(Some(Chunk { body, offset, shift }))
    }
}

#[cfg(test)]
mod tests;
