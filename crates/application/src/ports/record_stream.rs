//! Batches of records on their way out of a store.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::Stream;
use futures::stream::BoxStream;

use crate::ports::StoreError;

/// Arrow batches that all have `schema`; ends after the first `Err`.
///
/// The schema stands beside the stream, so that an empty result still has its columns. Dropping the stream
/// stops the query and frees its connection.
pub struct RecordStream {
    schema: SchemaRef,
    total: Option<u64>,
    batches: BoxStream<'static, Result<RecordBatch, StoreError>>,
}

impl RecordStream {
    /// A stream of batches that all have `schema`.
    pub fn new(schema: SchemaRef, batches: BoxStream<'static, Result<RecordBatch, StoreError>>) -> Self {
        Self { schema, total: None, batches }
    }

    /// The same stream, of which it is known how many records the query matches.
    #[must_use]
    pub fn with_total(self, total: Option<u64>) -> Self {
        Self { total, ..self }
    }

    /// How many records the query matches in the snapshot of the stream, when it was asked.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The schema of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Stream for RecordStream {
    type Item = Result<RecordBatch, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.as_mut().poll_next(context)
    }
}

impl fmt::Debug for RecordStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}
