//! Formats whose bodies hold record after record: cut in the order of the body, read on any thread.
//!
//! A [`Framer`] finds where each record ends, without parsing it. What it cuts goes into chunks of half a megabyte; a
//! [`RecordParser`] then parses, types and checks each record, and a [`RecordBuilder`] collects the valid ones.

mod builder;
mod framing;

use std::fmt;
use std::sync::Arc;

use eider_domain::{RecordCheck, Schema, SourceNames, ValueRef, Violation, ViolationCode};
use uuid::Uuid;

pub use self::builder::RecordBuilder;
pub use self::framing::BYTE_ORDER_MARK;
pub(crate) use self::framing::{Carry, Frame, Mark};
use super::chunk::{Chunk, CutRecords, DecodedChunk, STEP_VIOLATIONS};
use super::{ReadContext, ReadError};
use crate::options::ReadOptions;

/// What the records of a body are read by.
#[derive(Debug)]
pub(crate) enum Records {
    /// Nothing but themselves.
    Alone(fn(&ReadOptions) -> Arc<dyn RecordParser>),
    /// A header, which is the first record or the first few, unless the call says that there is none.
    Headed {
        headless: fn(&ReadContext) -> Option<HeaderOutcome>,
        /// How many records are the header.
        rows: fn(&ReadOptions) -> usize,
        header: HeaderReader,
        /// What to say of a body without one.
        missing: &'static str,
    },
}

/// What reads the records behind a header; a sentence about what is wrong with the header.
pub(crate) type HeaderOutcome = Result<Arc<dyn RecordParser>, String>;

type HeaderReader = fn(&[Vec<u8>], &ReadContext) -> HeaderOutcome;

/// Finds the ends of records in bytes that arrive in pieces of any size. Holds at most one record.
pub(crate) trait Framer: fmt::Debug + Send {
    /// Takes the next piece and hands each record that it completes to `sink`, with its line.
    ///
    /// # Errors
    /// When where a record ends cannot be told.
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError>;

    /// Ends the body and hands out the last record.
    ///
    /// # Errors
    /// When the body breaks off within a record.
    fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError>;
}

/// Reads one record.
pub(crate) trait RecordParser: fmt::Debug + Send + Sync {
    /// Reads a record, checks it, and leaves its values in `row`: one per property. Returns the id that it gives.
    ///
    /// # Errors
    /// Every violation of the record; `row` is then without meaning.
    fn parse<'de>(
        &self,
        record: &'de [u8],
        line: u64,
        schema: &'de Schema,
        check: &mut RecordCheck<'_>,
        row: &mut Vec<ValueRef<'de>>,
    ) -> Result<Option<Uuid>, Vec<Violation>>;

    /// For each of `names`, how many of so many records had a value under it, where a header tells.
    fn name_uses(&self, _names: &SourceNames, _records: u64) -> Vec<u64> {
        Vec::new()
    }
}

/// Cuts bytes into chunks of whole records. Holds at most one record.
#[derive(Debug)]
pub(crate) struct RowCutter {
    framer: Box<dyn Framer>,
    records: &'static Records,
    /// `None` as long as a header has not been met that there should be.
    parser: Option<Arc<dyn RecordParser>>,
    /// The records of the header that have been met so far.
    header: Vec<Vec<u8>>,
}

impl RowCutter {
    /// # Errors
    /// [`ReadError::MalformedBody`] when the columns that the call names are not the schema's.
    pub(crate) fn new(
        framer: Box<dyn Framer>,
        records: &'static Records,
        context: &ReadContext,
    ) -> Result<Self, ReadError> {
        let parser = match records {
            Records::Alone(parser) => Some(parser(&context.options)),
            Records::Headed { headless, .. } => headless(context).transpose().map_err(ReadError::malformed)?,
        };
        Ok(Self { framer, records, parser, header: Vec::new() })
    }

    pub(crate) fn cut(&mut self, block: &[u8], context: &Arc<ReadContext>) -> Result<Vec<Chunk>, ReadError> {
        self.run(context, |framer, sink| framer.push(block, sink))
    }

    pub(crate) fn end(&mut self, context: &Arc<ReadContext>) -> Result<Vec<Chunk>, ReadError> {
        let last = self.run(context, |framer, sink| framer.finish(sink))?;
        match self.records {
            Records::Headed { missing, .. } if self.parser.is_none() => Err(ReadError::malformed(*missing)),
            _ => Ok(last),
        }
    }

    fn run(
        &mut self,
        context: &Arc<ReadContext>,
        feed: impl FnOnce(&mut dyn Framer, &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), ReadError>,
    ) -> Result<Vec<Chunk>, ReadError> {
        let Self { framer, records: read_by, parser, header: met } = self;
        let read_by = *read_by;
        let limits = &context.limits;
        let mut chunks = Vec::new();
        let mut records = RowBytes::default();
        let mut fault = None;
        let outcome = feed(&mut **framer, &mut |line, frame| match (&parser, read_by) {
            _ if fault.is_some() => {}
            (Some(parser), _) => {
                records.push(line, frame);
                if records.ends.len() >= limits.batch_rows {
                    chunks.push(RowChunk::of(context, parser, std::mem::take(&mut records)));
                }
            }
            (None, Records::Headed { rows, header, .. }) => {
                let outcome = hold_header(frame, met, limits.max_record_bytes);
                match outcome
                    .and_then(|()| (met.len() >= rows(&context.options)).then(|| header(met, context)).transpose())
                {
                    Ok(behind) => *parser = behind,
                    Err(detail) => fault = Some(ReadError::MalformedBody { detail }),
                }
            }
            (None, Records::Alone(alone)) => *parser = Some(alone(&context.options)),
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        outcome?;
        if let Some(parser) = parser
            && !records.ends.is_empty()
        {
            chunks.push(RowChunk::of(context, parser, records));
        }
        Ok(chunks)
    }
}

/// Keeps a record of the header, if all of it is no longer than a record may be.
fn hold_header(frame: Frame<'_>, met: &mut Vec<Vec<u8>>, limit: usize) -> Result<(), String> {
    let held: usize = met.iter().map(Vec::len).sum();
    match frame {
        Frame::Record(bytes) if held + bytes.len() <= limit => met.push(bytes.to_vec()),
        _ => return Err(format!("the header row has more than {limit} bytes")),
    }
    Ok(())
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
    parser: Arc<dyn RecordParser>,
    records: RowBytes,
    /// The first record that was not read, and where its bytes begin.
    next: (usize, usize),
}

impl CutRecords for RowChunk {
    fn decode(self: Box<Self>) -> Result<DecodedChunk, ReadError> {
        Ok(self.read())
    }

    fn schema(&self) -> &Arc<Schema> {
        &self.context.schema
    }
}

impl RowChunk {
    fn of(context: &Arc<ReadContext>, parser: &Arc<dyn RecordParser>, records: RowBytes) -> Chunk {
        Chunk::of(Self { context: Arc::clone(context), parser: Arc::clone(parser), records, next: (0, 0) })
    }

    /// Reads and checks records, as many as a batch takes.
    fn read(mut self) -> DecodedChunk {
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
            let read = match end {
                None => Err(vec![too_large(limits.max_record_bytes)]),
                Some(end) => {
                    let record = &self.records.bytes[start..*end];
                    self.parser.parse(record, *line, schema, &mut check, &mut row)
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
        if !self.context.names.is_empty() {
            let records = decoded.lines.len() as u64 + decoded.failed;
            let of_header = self.parser.name_uses(&self.context.names, records);
            decoded.name_uses = if of_header.is_empty() { check.take_name_uses() } else { of_header };
        }
        self.next = (index, start);
        if index < self.records.ends.len() {
            decoded.rest = Some(Chunk::of(self));
        }
        decoded
    }
}

/// The violation of a record that is longer than it may be.
pub fn too_large(limit: usize) -> Violation {
    Violation::new("", ViolationCode::RecordTooLarge, format!("a record has at most {limit} bytes"))
}
