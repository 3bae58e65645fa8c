//! What tests of decoding share: a body decoded in pieces, and what became of it.

use std::sync::Arc;

use arrow_array::ArrayRef;
use eider_domain::{Schema, Timestamp, Violation, ViolationCode};

use crate::ingest::{BodyFormat, DecodedBatch, DecodedBlock, IngestLimits, RecordDecoder};
use crate::{Error, UuidV7Generator};

/// What became of a body.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) decoder: RecordDecoder,
    pub(super) batches: Vec<DecodedBatch>,
    pub(super) failures: Vec<Violation>,
    /// How often the decoder kept something back.
    pub(super) steps: usize,
}

impl Decoded {
    pub(super) fn into_parts(self) -> (RecordDecoder, Vec<DecodedBatch>, Vec<Violation>) {
        (self.decoder, self.batches, self.failures)
    }

    pub(super) fn report(&self) -> Vec<(u64, &str, ViolationCode)> {
        report(&self.failures)
    }

    pub(super) fn rows(&self) -> Vec<usize> {
        self.batches.iter().map(|batch| batch.records.num_rows()).collect()
    }

    /// A column of the only batch.
    pub(super) fn column(&self, name: &str) -> &ArrayRef {
        assert_eq!(self.batches.len(), 1, "{:?}", self.failures);
        self.batches[0].records.column_by_name(name).unwrap()
    }

    fn take(&mut self, block: DecodedBlock) {
        self.batches.extend(block.batches);
        self.failures.extend(block.failures);
    }
}

/// A decoder of records that are written at time 0.
pub(super) fn decoder(schema: &Arc<Schema>, format: BodyFormat, limits: IngestLimits) -> RecordDecoder {
    RecordDecoder::new(Arc::clone(schema), format, limits, Timestamp::from_micros(0), Arc::new(UuidV7Generator))
}

/// Decodes a body that arrives in pieces of `step` bytes.
pub(super) fn decode_in(
    schema: &Arc<Schema>,
    format: BodyFormat,
    limits: IngestLimits,
    body: &[u8],
    step: usize,
) -> Result<Decoded, Error> {
    let mut decoded =
        Decoded { decoder: decoder(schema, format, limits), batches: Vec::new(), failures: Vec::new(), steps: 0 };
    let mut pieces = body.chunks(step.max(1));
    let mut is_ended = false;
    while !is_ended {
        let block = if let Some(piece) = pieces.next() {
            decoded.decoder.decode(piece)?
        } else {
            is_ended = true;
            decoded.decoder.finish()?
        };
        decoded.take(block);
        while decoded.decoder.has_more() {
            decoded.steps += 1;
            let block = if is_ended { decoded.decoder.finish()? } else { decoded.decoder.decode(&[])? };
            decoded.take(block);
        }
    }
    for batch in &decoded.batches {
        assert_eq!(batch.records.schema(), *schema.arrow());
        assert!(batch.records.num_rows() <= limits.batch_rows);
    }
    Ok(decoded)
}

/// Line, pointer and code of each failure.
pub(super) fn report(failures: &[Violation]) -> Vec<(u64, &str, ViolationCode)> {
    failures.iter().map(|v| (v.line.unwrap(), v.pointer.as_str(), v.code)).collect()
}
