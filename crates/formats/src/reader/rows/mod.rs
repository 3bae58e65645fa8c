//! Bodies that hold record after record, JSON and CSV: cut in the order of the body, read on any thread.

mod builder;
mod framing;

use std::fmt::Write as _;
use std::sync::Arc;

use eider_domain::{Schema, ValueRef, Violation, ViolationCode};
use memchr::memchr_iter;
use uuid::Uuid;

pub(crate) use self::builder::Column;
pub use self::builder::RecordBuilder;
pub use self::framing::BYTE_ORDER_MARK;
pub(crate) use self::framing::{Frame, Mark, RecordFramer};
use super::chunk::{Chunk, CutRecords, DecodedChunk, STEP_VIOLATIONS};
use super::{ReadContext, ReadError};
use crate::csv::{CsvFramer, CsvHeader, Unclosed, read_csv_record};
use crate::format::Format;
use crate::json::read_record;

/// Cuts bytes into chunks of whole records. Holds at most one record.
#[derive(Debug)]
pub(crate) struct RowCutter {
    framer: Framer,
    /// `None` as long as the header of CSV has not been met.
    reader: Option<Reader>,
}

/// What cuts the body.
#[derive(Debug)]
pub(crate) enum Framer {
    Json(RecordFramer),
    Csv(CsvFramer),
}

/// What reads a record.
#[derive(Debug, Clone)]
enum Reader {
    Json,
    Csv(Arc<CsvHeader>),
}

impl RowCutter {
    /// A cutter of JSON or CSV.
    pub(crate) fn new(format: Format, max_record_bytes: usize) -> Self {
        let reader = (format != Format::Csv).then_some(Reader::Json);
        Self { framer: Framer::new(format, max_record_bytes), reader }
    }

    pub(crate) fn cut(&mut self, block: &[u8], context: &Arc<ReadContext>) -> Result<Vec<Chunk>, ReadError> {
        self.run(context, |framer, sink| framer.push(block, sink))
    }

    pub(crate) fn end(&mut self, context: &Arc<ReadContext>) -> Result<Vec<Chunk>, ReadError> {
        let last = self.run(context, Framer::finish)?;
        if self.reader.is_none() {
            return Err(ReadError::MalformedBody { detail: "the body is empty; expected a CSV header row".to_owned() });
        }
        Ok(last)
    }

    fn run(
        &mut self,
        context: &Arc<ReadContext>,
        feed: impl FnOnce(&mut Framer, &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError>,
    ) -> Result<Vec<Chunk>, ReadError> {
        let Self { framer, reader } = self;
        let limits = &context.limits;
        let mut chunks = Vec::new();
        let mut records = RowBytes::default();
        let mut fault: Option<ReadError> = None;
        let outcome = feed(framer, &mut |line, frame| {
            if fault.is_some() {
                return;
            }
            let Some(reader) = reader else {
                match read_header(frame, context) {
                    Ok(header) => *reader = Some(header),
                    Err(error) => fault = Some(error),
                }
                return;
            };
            records.push(line, frame);
            if records.ends.len() >= limits.batch_rows {
                chunks.push(RowChunk::of(context, reader, std::mem::take(&mut records)));
            }
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        outcome?;
        if let Some(reader) = reader
            && !records.ends.is_empty()
        {
            chunks.push(RowChunk::of(context, reader, records));
        }
        Ok(chunks)
    }
}

fn read_header(frame: Frame<'_>, context: &ReadContext) -> Result<Reader, ReadError> {
    let header = match frame {
        Frame::Record(bytes) => CsvHeader::read(bytes, &context.schema, context.ignores_read_only),
        Frame::TooLarge => Err(format!("the header row has more than {} bytes", context.limits.max_record_bytes)),
    };
    match header {
        Ok(header) => Ok(Reader::Csv(Arc::new(header))),
        Err(detail) => Err(ReadError::MalformedBody { detail }),
    }
}

impl Framer {
    /// A framer of JSON or CSV.
    pub(crate) fn new(format: Format, max_record_bytes: usize) -> Self {
        if format == Format::Csv {
            Self::Csv(CsvFramer::new(max_record_bytes))
        } else {
            Self::Json(RecordFramer::new(format == Format::JsonArray, max_record_bytes))
        }
    }

    pub(crate) fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        match self {
            Self::Json(framer) => framer.push(piece, sink).map_err(ReadError::from),
            Self::Csv(framer) => {
                framer.push(piece, sink);
                Ok(())
            }
        }
    }

    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError> {
        match self {
            Self::Json(framer) => framer.finish(sink).map_err(ReadError::from),
            Self::Csv(framer) => framer.finish(sink).map_err(|Unclosed { first, last }| ReadError::MalformedBody {
                detail: format!(
                    "the quotes of the record that begins on line {first} are not closed by the end of the body, line {last}"
                ),
            }),
        }
    }
}

/// The bytes of records, one behind the other.
#[derive(Debug, Default)]
struct RowBytes {
    bytes: Vec<u8>,
    /// The line of each record and where its bytes end; `None` when it is larger than it may be, and its bytes gone.
    ends: Vec<(u64, Option<usize>)>,
}

impl RowBytes {
    fn push(&mut self, line: u64, frame: Frame<'_>) {
        let end = match frame {
            Frame::Record(bytes) => {
                self.bytes.extend_from_slice(bytes);
                Some(self.bytes.len())
            }
            Frame::TooLarge => None,
        };
        self.ends.push((line, end));
    }
}

/// Records that were cut and not read.
#[derive(Debug)]
pub(crate) struct RowChunk {
    context: Arc<ReadContext>,
    reader: Reader,
    records: RowBytes,
    /// The first record that was not read, and where its bytes begin.
    next: (usize, usize),
}

impl RowChunk {
    fn of(context: &Arc<ReadContext>, reader: &Reader, records: RowBytes) -> Chunk {
        Chunk(CutRecords::Rows(Self { context: Arc::clone(context), reader: reader.clone(), records, next: (0, 0) }))
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.context.schema
    }

    /// Reads and checks records, as many as a batch takes.
    pub(crate) fn decode(mut self) -> DecodedChunk {
        let mut decoded = DecodedChunk::default();
        let limits = &self.context.limits;
        let schema = &*self.context.schema;
        let mut builder = RecordBuilder::new(schema);
        let mut check = self.context.validator().check();
        let mut row: Vec<ValueRef<'_>> = Vec::with_capacity(schema.properties().len());
        let (mut index, mut start) = self.next;
        while let Some((line, end)) = self.records.ends.get(index) {
            if builder.bytes() >= limits.batch_bytes || decoded.failures.len() >= STEP_VIOLATIONS {
                break;
            }
            let read: Result<Option<Uuid>, Vec<Violation>> = match (end, &self.reader) {
                (None, _) => Err(vec![too_large(limits.max_record_bytes)]),
                (Some(end), Reader::Json) => {
                    read_record(&self.records.bytes[start..*end], schema, &mut check, &mut row)
                }
                (Some(end), Reader::Csv(header)) => {
                    let record = &self.records.bytes[start..*end];
                    let read = read_csv_record(record, header, schema, &mut check, &mut row);
                    read.map_err(|violations| with_last_line(violations, *line, record))
                }
            };
            match read {
                Ok(id) => {
                    builder.append(id, &mut row);
                    decoded.lines.push(*line);
                }
                Err(violations) => decoded.refuse(*line, violations),
            }
            index += 1;
            start = end.unwrap_or(start);
        }
        if builder.rows() > 0 {
            decoded.rows = Some(builder.finish());
        }
        self.next = (index, start);
        if index < self.records.ends.len() {
            decoded.rest = Some(Chunk(CutRecords::Rows(self)));
        }
        decoded
    }
}

/// The violations of a record of CSV. One that cannot be told apart into cells, or has not as many as there should be, may
/// have taken lines for its own that are none of it, because of a quote: the last of them is named.
fn with_last_line(mut violations: Vec<Violation>, line: u64, record: &[u8]) -> Vec<Violation> {
    let further = memchr_iter(b'\n', record).count() as u64;
    for violation in violations.iter_mut().filter(|_| further > 0) {
        if matches!(violation.code, ViolationCode::MalformedCsv | ViolationCode::WrongCount) {
            let last = line + further;
            let _ = write!(
                violation.detail,
                "; it goes from line {line} to line {last}, since a quote opens on one of them"
            );
        }
    }
    violations
}

/// The violation of a record that is longer than it may be.
pub fn too_large(limit: usize) -> Violation {
    Violation::new("", ViolationCode::RecordTooLarge, format!("a record has at most {limit} bytes"))
}
