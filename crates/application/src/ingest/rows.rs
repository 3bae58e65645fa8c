//! Bodies that hold record after record, JSON and CSV: each record is read, checked and appended to columns.

use eider_domain::{RecordValidator, ValueRef, Violation, ViolationCode};

use super::csv::{CsvFramer, CsvHeader, read_csv_record};
use super::decoder::{BatchContext, Tally};
use super::framing::{Frame, RecordFramer};
use super::json::read_record;
use super::record_builder::RecordBuilder;
use super::{BodyFormat, DecodedBatch, DecodedBlock};
use crate::Error;

/// Turns bytes into record batches, record by record. Holds at most one batch and one record.
#[derive(Debug)]
pub(super) struct RowDecoder {
    framer: Framer,
    reader: Reader,
    builder: RecordBuilder,
}

/// What cuts the body.
#[derive(Debug)]
enum Framer {
    Json(RecordFramer),
    Csv(CsvFramer),
}

/// What reads a record.
#[derive(Debug)]
enum Reader {
    Json,
    /// The header, once it has been read.
    Csv(Option<CsvHeader>),
}

impl RowDecoder {
    /// A decoder of JSON or CSV.
    pub(super) fn new(format: BodyFormat, context: &BatchContext) -> Self {
        let max_record_bytes = context.limits.max_record_bytes;
        let builder = RecordBuilder::new(std::sync::Arc::clone(&context.schema));
        let (framer, reader) = if format == BodyFormat::Csv {
            (Framer::Csv(CsvFramer::new(max_record_bytes)), Reader::Csv(None))
        } else {
            let framer = RecordFramer::new(format == BodyFormat::JsonArray, max_record_bytes);
            (Framer::Json(framer), Reader::Json)
        };
        Self { framer, reader, builder }
    }

    pub(super) fn decode(
        &mut self,
        block: &[u8],
        context: &BatchContext,
        tally: &mut Tally,
    ) -> Result<DecodedBlock, Error> {
        self.run(context, tally, |framer, sink| framer.push(block, sink))
    }

    pub(super) fn finish(&mut self, context: &BatchContext, tally: &mut Tally) -> Result<DecodedBlock, Error> {
        let mut last = self.run(context, tally, Framer::finish)?;
        if matches!(self.reader, Reader::Csv(None)) {
            return Err(Error::MalformedBody { detail: "the body is empty; expected a CSV header row".to_owned() });
        }
        if self.builder.rows() > 0 {
            last.batches.push(self.builder.finish(context.created_at, &*context.ids)?);
        }
        Ok(last)
    }

    /// Decodes a body that is a single JSON record.
    pub(super) fn decode_single(&mut self, body: &[u8], context: &BatchContext) -> Result<DecodedBatch, Error> {
        let mut row = Vec::new();
        let mut check = RecordValidator::new(&context.schema).check();
        match read_record(body, &context.schema, &mut check, &mut row) {
            Ok(id) => {
                self.builder.append(id, &mut row);
                Ok(self.builder.finish(context.created_at, &*context.ids)?)
            }
            Err(violations) => Err(super::invalid_record(violations)),
        }
    }

    fn run(
        &mut self,
        context: &BatchContext,
        tally: &mut Tally,
        feed: impl FnOnce(&mut Framer, &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), Error>,
    ) -> Result<DecodedBlock, Error> {
        let BatchContext { schema, limits, created_at, ids } = context;
        let Self { framer, reader, builder } = self;
        let mut check = RecordValidator::new(schema).check();
        let mut scratch: Vec<ValueRef<'static>> = Vec::with_capacity(schema.properties().len());
        let mut block = DecodedBlock::default();
        let mut fault: Option<Error> = None;
        let outcome = feed(framer, &mut |line, frame| {
            if fault.is_some() {
                return;
            }
            if let Reader::Csv(header @ None) = reader {
                let read = match frame {
                    Frame::Record(bytes) => CsvHeader::read(bytes, schema),
                    Frame::TooLarge => Err(format!("the header row has more than {} bytes", limits.max_record_bytes)),
                };
                match read {
                    Ok(read) => *header = Some(read),
                    Err(detail) => fault = Some(Error::MalformedBody { detail }),
                }
                return;
            }
            if let Err(error) = tally.receive(1, limits.max_records) {
                fault = Some(error);
                return;
            }
            let mut row = recycle(std::mem::take(&mut scratch));
            let read = match (frame, &*reader) {
                (Frame::Record(bytes), Reader::Csv(Some(header))) => {
                    read_csv_record(bytes, header, schema, &mut check, &mut row)
                }
                (Frame::Record(bytes), _) => read_record(bytes, schema, &mut check, &mut row),
                (Frame::TooLarge, _) => Err(vec![too_large(limits.max_record_bytes)]),
            };
            match read {
                Ok(id) => {
                    builder.append(id, &mut row);
                    tally.accept(line);
                    if builder.rows() >= limits.batch_rows || builder.bytes() >= limits.batch_bytes {
                        match builder.finish(*created_at, &**ids) {
                            Ok(batch) => block.batches.push(batch),
                            Err(error) => fault = Some(error.into()),
                        }
                    }
                }
                Err(violations) => tally.refuse(line, violations, limits.max_failures, &mut block.failures),
            }
            scratch = recycle(row);
        });
        match fault {
            Some(fault) => Err(fault),
            None => outcome.map(|()| block),
        }
    }
}

impl Framer {
    fn push(&mut self, piece: &[u8], sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), Error> {
        match self {
            Self::Json(framer) => framer.push(piece, sink).map_err(Error::from),
            Self::Csv(framer) => {
                framer.push(piece, sink);
                Ok(())
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), Error> {
        match self {
            Self::Json(framer) => framer.finish(sink).map_err(Error::from),
            Self::Csv(framer) => framer.finish(sink).map_err(|line| Error::MalformedBody {
                detail: format!("the quotes of the record that begins on line {line} are not closed"),
            }),
        }
    }
}

/// The violation of a record that is longer than it may be.
pub(super) fn too_large(limit: usize) -> Violation {
    Violation::new("", ViolationCode::RecordTooLarge, format!("a record has at most {limit} bytes"))
}

/// The allocation of a row for values of another lifetime; the values are dropped.
fn recycle<'b>(mut row: Vec<ValueRef<'_>>) -> Vec<ValueRef<'b>> {
    row.clear();
    row.into_iter().map(|_| ValueRef::Null).collect()
}
