//! Records on their way out: encoded in a format, then compressed.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use bytes::Bytes;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_formats::RecordWriter;
use serde_json::Value as Json;

use crate::representation::accept::Representation;
use crate::representation::compress::Compressor;
use crate::representation::inflate::Compression;

/// Bytes that the rows of the first batch are expected to have each.
const EXPECTED_ROW_BYTES: usize = 512;

/// Turns batches into the pieces of an answer.
#[derive(Debug)]
pub(crate) struct Output {
    writer: Box<dyn RecordWriter>,
    compressor: Compressor,
    /// What stands before the first record, until there is one to send it with.
    head: Vec<u8>,
    /// The format is text, which is written straight into the buffer of the piece.
    is_text: bool,
    /// Size of the rows of the last batch, to size the next buffer.
    bytes_per_row: usize,
}

impl Output {
    /// Of batches with the columns of `schema`.
    ///
    /// # Errors
    /// `Internal` when the format cannot hold the columns.
    pub(crate) fn new(representation: &Representation, schema: &SchemaRef) -> Result<Self, StoreError> {
        let Representation { media_type, uuids, .. } = representation;
        Self::of(media_type.format.writer_with(schema, *uuids).map_err(unencodable)?, representation)
    }

    /// Of batches that a writer writes, in the format of `representation`.
    ///
    /// # Errors
    /// `Internal` when there is no memory for it.
    pub(crate) fn of(mut writer: Box<dyn RecordWriter>, representation: &Representation) -> Result<Self, StoreError> {
        let mut head = Vec::new();
        writer.begin(&mut head).map_err(unencodable)?;
        let compressor = Compressor::new(representation.compression).map_err(uncompressed)?;
        let is_text = representation.media_type.is_text();
        Ok(Self { writer, compressor, head, is_text, bytes_per_row: EXPECTED_ROW_BYTES })
    }

    /// The piece with the records of a batch; empty when the format keeps them back.
    ///
    /// # Errors
    /// `Internal` when the batch is not of the schema.
    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> Result<Bytes, StoreError> {
        let rows = batch.num_rows().max(1);
        let mut out = std::mem::take(&mut self.head);
        if self.is_text {
            out.reserve(self.bytes_per_row * (rows + 1));
        }
        self.writer.batch(batch, &mut out).map_err(unencodable)?;
        self.bytes_per_row = out.len() / rows + 1;
        self.compressor.piece(out).map(Bytes::from).map_err(uncompressed)
    }

    /// The piece that says why the answer breaks off, behind those that there are; empty when the format has no place
    /// for that. It is followed by no other.
    ///
    /// # Errors
    /// `Internal` when it cannot be compressed.
    pub(crate) fn broken(&mut self, problem: &Json) -> Result<Bytes, StoreError> {
        let mut out = Vec::new();
        self.writer.broken(problem, &mut out);
        self.compressor.piece(out).map(Bytes::from).map_err(uncompressed)
    }

    /// The whole answer of one batch.
    ///
    /// # Errors
    /// As [`batch`](Self::batch) and [`end`](Self::end).
    pub(crate) fn whole(mut self, batch: &RecordBatch) -> Result<Bytes, StoreError> {
        self.writer.batch(batch, &mut self.head).map_err(unencodable)?;
        self.end()
    }

    /// The last piece.
    ///
    /// # Errors
    /// `Internal` when what was kept back cannot be encoded.
    pub(crate) fn end(&mut self) -> Result<Bytes, StoreError> {
        let mut out = std::mem::take(&mut self.head);
        self.writer.end(&mut out).map_err(unencodable)?;
        self.compressor.last_piece(out).map(Bytes::from).map_err(uncompressed)
    }
}

/// An answer that was not made by an [`Output`] and is compressed piece by piece.
#[derive(Debug)]
pub(crate) struct Pieces(Compressor);

impl Pieces {
    /// # Errors
    /// `Internal` when there is no memory for it.
    pub(crate) fn new(compression: Compression) -> Result<Self, StoreError> {
        Compressor::new(Some(compression)).map(Self).map_err(uncompressed)
    }

    /// # Errors
    /// `Internal` when it cannot be compressed.
    pub(crate) fn piece(&mut self, plain: &[u8]) -> Result<Bytes, StoreError> {
        self.0.piece(plain.to_vec()).map(Bytes::from).map_err(uncompressed)
    }

    /// The last piece.
    ///
    /// # Errors
    /// `Internal` when it cannot be compressed.
    pub(crate) fn end(&mut self) -> Result<Bytes, StoreError> {
        self.0.last_piece(Vec::new()).map(Bytes::from).map_err(uncompressed)
    }
}

/// A whole answer that was not made by an [`Output`].
///
/// # Errors
/// `Internal` when it cannot be compressed.
pub(crate) fn compressed(plain: Vec<u8>, compression: Option<Compression>) -> Result<Bytes, StoreError> {
    let whole = Compressor::new(compression).and_then(|mut compressor| compressor.last_piece(plain));
    whole.map(Bytes::from).map_err(uncompressed)
}

fn unencodable(error: ArrowError) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "records could not be encoded").with_source(error)
}

fn uncompressed(error: std::io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "an answer could not be compressed").with_source(error)
}
