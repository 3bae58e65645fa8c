//! What tests of decoding share: a body decoded in pieces, and the outcome.

use std::sync::Arc;

use eider_domain::{Schema, Timestamp, Violation};

use crate::Error;
use crate::ingest::{BodyFormat, DecodedBatch, DecodedBlock, IngestLimits, RecordDecoder};
use crate::runtime::UuidV7Generator;

/// The outcome of a body.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) decoder: RecordDecoder,
    pub(super) batches: Vec<DecodedBatch>,
    pub(super) failures: Vec<Violation>,
}

impl Decoded {
    pub(super) fn into_parts(self) -> (RecordDecoder, Vec<DecodedBatch>, Vec<Violation>) {
        (self.decoder, self.batches, self.failures)
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
    let mut decoded = Decoded { decoder: decoder(schema, format, limits), batches: Vec::new(), failures: Vec::new() };
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
