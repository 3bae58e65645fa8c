//! The decoding of a body on several threads while it arrives.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt};
use tracing::Instrument;

use super::body::{Blocks, BodyError};
use super::idempotency::Fingerprint;
use super::{Chunk, DecodedBlock, DecodedChunk, RecordDecoder};
use crate::Error;
use crate::ports::{StoreError, StoreErrorKind};
use crate::runtime::blocking;

/// Reads a body and decodes it, chunk by chunk, in order.
pub(super) struct DecodePipeline<B> {
    body: Blocks<B>,
    /// Gone while a step runs.
    state: Option<State>,
    /// Chunks that nobody decodes yet.
    waiting: VecDeque<Chunk>,
    running: FuturesOrdered<BoxFuture<'static, Result<Result<DecodedChunk, Error>, StoreError>>>,
    /// Most chunks in `running`.
    width: usize,
    input: Input,
}

/// What is handed from thread to thread.
struct State {
    decoder: RecordDecoder,
    fingerprint: Option<Fingerprint>,
}

/// How far the body has been read.
enum Input {
    Arriving,
    /// Its end has been met; `is_cut` when the last chunks are cut.
    Ended {
        is_cut: bool,
    },
    /// It broke off: what came before is handed out first.
    Failed(Option<Error>),
}

impl Input {
    fn can_be_cut(&self) -> bool {
        matches!(self, Self::Arriving | Self::Ended { is_cut: false })
    }
}

impl<B> DecodePipeline<B>
where
    B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    pub(super) fn new(decoder: RecordDecoder, fingerprint: Option<Fingerprint>, body: B, width: usize) -> Self {
        Self {
            body: Blocks::new(body),
            state: Some(State { decoder, fingerprint }),
            waiting: VecDeque::new(),
            running: FuturesOrdered::new(),
            width: width.max(1),
            input: Input::Arriving,
        }
    }

    /// Decodes what comes next; `None` once everything has been handed out.
    ///
    /// # Errors
    /// As [`RecordDecoder::cut`] and [`RecordDecoder::take`], and what the body ended with.
    pub(super) async fn next(&mut self) -> Result<Option<DecodedBlock>, Error> {
        loop {
            while self.running.len() < self.width
                && let Some(chunk) = self.waiting.pop_front()
            {
                self.running.push_back(decode(chunk));
            }
            if self.running.len() == self.width || !self.input.can_be_cut() {
                match self.running.next().await {
                    Some(decoded) => return self.take(decoded).await.map(Some),
                    None => return self.last().await,
                }
            }
            if matches!(self.input, Input::Ended { .. }) {
                self.cut_end().await;
            } else if self.decoder()?.has_more() {
                self.cut(Vec::new()).await;
            } else {
                tokio::select! {
                    biased;
                    Some(decoded) = self.running.next() => return self.take(decoded).await.map(Some),
                    block = self.body.next() => match block {
                        Ok(Some(block)) => self.cut(block).await,
                        Ok(None) => self.input = Input::Ended { is_cut: false },
                        Err(error) => self.input = Input::Failed(Some(error.into())),
                    }
                }
            }
        }
    }

    /// What has been counted so far.
    pub(super) fn decoder(&self) -> Result<&RecordDecoder, Error> {
        Ok(&self.state.as_ref().ok_or_else(lost)?.decoder)
    }

    /// The decoder and the fingerprint of what was read.
    pub(super) fn into_parts(self) -> Result<(RecordDecoder, Option<Fingerprint>), Error> {
        let State { decoder, fingerprint } = self.state.ok_or_else(lost)?;
        Ok((decoder, fingerprint))
    }

    /// Runs a step of the decoder away from the event loop.
    async fn run<T: Send + 'static>(
        &mut self,
        step: impl FnOnce(&mut State) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let mut state = self.state.take().ok_or_else(lost)?;
        let work = move || {
            let outcome = step(&mut state);
            (state, outcome)
        };
        let (state, outcome) = blocking::run(work).await?;
        self.state = Some(state);
        outcome
    }

    async fn cut(&mut self, block: Vec<u8>) {
        let cut = self.run(move |state| {
            if let Some(fingerprint) = &mut state.fingerprint {
                fingerprint.update(&block);
            }
            state.decoder.cut(&block)
        });
        match cut.await {
            Ok(chunks) => self.waiting.extend(chunks),
            Err(error) => self.input = Input::Failed(Some(error)),
        }
    }

    async fn cut_end(&mut self) {
        match self.run(|state| state.decoder.end()).await {
            Ok(chunks) => {
                self.waiting.extend(chunks);
                let has_more = self.decoder().is_ok_and(RecordDecoder::has_more);
                self.input = Input::Ended { is_cut: !has_more };
            }
            Err(error) => self.input = Input::Failed(Some(error)),
        }
    }

    async fn take(&mut self, decoded: Result<Result<DecodedChunk, Error>, StoreError>) -> Result<DecodedBlock, Error> {
        let chunk = decoded??;
        let mut block = self.run(move |state| state.decoder.take(chunk)).await?;
        if let Some(rest) = block.rest.take() {
            self.running.push_front(decode(rest));
        }
        Ok(block)
    }

    /// Ends the body once every chunk was taken.
    async fn last(&mut self) -> Result<Option<DecodedBlock>, Error> {
        if let Input::Failed(error) = &mut self.input {
            return Err(error.take().unwrap_or_else(|| lost().into()));
        }
        let last = self.run(|state| state.decoder.flush()).await?;
        Ok(last.map(|batch| DecodedBlock { batches: vec![batch], ..DecodedBlock::default() }))
    }
}

fn decode(chunk: Chunk) -> BoxFuture<'static, Result<Result<DecodedChunk, Error>, StoreError>> {
    let span = tracing::debug_span!("records.decode");
    Box::pin(blocking::run(move || chunk.decode()).instrument(span))
}

/// A step panicked, and took the decoder with it.
fn lost() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "the decoding of the body was lost")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eider_domain::{Schema, SchemaDefinition, Timestamp};
    use futures::channel::mpsc;
    use futures::{SinkExt, stream};
    use serde_json::json;

    use super::*;
    use crate::ingest::{BodyFormat, IngestLimits};
    use crate::ports::value_at;
    use crate::runtime::UuidV7Generator;

    type Body = stream::BoxStream<'static, Result<Bytes, BodyError>>;

    fn decoder(limits: IngestLimits) -> RecordDecoder {
        let document = json!({"name": "s", "properties": [{"name": "n", "type": "integer", "required": true}]});
        let schema = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
        let now = Timestamp::from_micros(0);
        RecordDecoder::new(Arc::new(schema), BodyFormat::Ndjson, limits, now, Arc::new(UuidV7Generator))
    }

    fn pipeline(pieces: Vec<Result<Bytes, BodyError>>, limits: IngestLimits, width: usize) -> DecodePipeline<Body> {
        DecodePipeline::new(decoder(limits), None, stream::iter(pieces).boxed(), width)
    }

    /// Records `0..count`; every tenth is bad, and they differ in length.
    fn body(count: i64) -> Bytes {
        let record = |n: i64| match n % 10 {
            0 => format!("{{\"n\":\"{}\"}}\n", "x".repeat(usize::try_from(n % 500).unwrap())),
            _ => format!("{{\"n\":{n}}}{}\n", " ".repeat(usize::try_from(n % 70).unwrap())),
        };
        Bytes::from((0..count).map(record).collect::<Vec<_>>().concat())
    }

    /// The values and the lines of the failures.
    async fn read(pipeline: &mut DecodePipeline<Body>) -> Result<(Vec<i64>, Vec<u64>), (Vec<u64>, Error)> {
        let (mut values, mut lines) = (Vec::new(), Vec::new());
        loop {
            match pipeline.next().await {
                Ok(Some(block)) => {
                    lines.extend(block.failures.iter().filter_map(|failure| failure.line));
                    for batch in block.batches {
                        let (data_type, column) = (eider_domain::DataType::Integer, batch.records.column(4));
                        for row in 0..batch.records.num_rows() {
                            let eider_domain::Value::Integer(value) = value_at(data_type, column, row) else {
                                panic!("an integer")
                            };
                            values.push(value);
                        }
                    }
                }
                Ok(None) => return Ok((values, lines)),
                Err(error) => return Err((lines, error)),
            }
        }
    }

    #[tokio::test]
    async fn records_and_failures_come_in_the_order_of_the_body() {
        const COUNT: i64 = 40_000;
        let expected = (0..COUNT).filter(|n| n % 10 != 0).collect::<Vec<_>>();
        let expected_lines = (0..COUNT.unsigned_abs()).step_by(10).map(|n| n + 1).collect::<Vec<_>>();
        for width in [1, 2, 5] {
            for batch_rows in [700, 16_384] {
                let limits = IngestLimits { batch_rows, ..IngestLimits::default() };
                let pieces = body(COUNT).chunks(77_777).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
                let mut pipeline = pipeline(pieces, limits, width);
                let (values, lines) = read(&mut pipeline).await.unwrap();
                assert_eq!((values, lines), (expected.clone(), expected_lines.clone()));
                let decoder = pipeline.decoder().unwrap();
                assert_eq!((decoder.received(), decoder.failed()), (COUNT.unsigned_abs(), expected_lines.len() as u64));
            }
        }
    }

    #[tokio::test]
    async fn what_came_before_a_break_is_handed_out_first() {
        let broken = |end| vec![Ok(body(20_000)), Ok(Bytes::from_static(b"{\"n\":")), Err(end)];
        for end in [BodyError::Timeout, BodyError::Unreadable] {
            let mut pipeline = pipeline(broken(end), IngestLimits::default(), 2);
            let (lines, error) = read(&mut pipeline).await.unwrap_err();
            assert_eq!(lines.len(), 2_000);
            assert!(matches!((end, error), (BodyError::Timeout, Error::BodyTimeout) | (_, Error::BodyUnreadable)));
        }
    }

    #[tokio::test]
    async fn what_is_decoded_is_handed_out_while_the_body_pauses() {
        let (mut client, body_of_client) = mpsc::channel(1);
        let decoder = decoder(IngestLimits::default());
        let mut pipeline = DecodePipeline::new(decoder, None, body_of_client.boxed(), 2);
        client.send(Ok(body(30_000))).await.unwrap();
        let block = pipeline.next().await.unwrap().unwrap();
        assert!(!block.failures.is_empty());
        drop(client);
        let (_, lines) = read(&mut pipeline).await.unwrap();
        assert_eq!(block.failures.len() + lines.len(), 3_000);
    }
}
