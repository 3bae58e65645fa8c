//! Records on their way to one client: a task that encodes them, and the body that the client reads.
//!
//! Between the two waits one slice. A client that reads slowly holds back the task, and with it the query; one that
//! does not read at all ends both, although nobody asks the body for more while its socket is full.

use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use async_stream::stream;
use bytes::Bytes;
use eider_application::Error;
use eider_application::ports::{RecordStream, StoreError, StoreErrorKind};
use eider_application::runtime::blocking;
use eider_application::runtime::timings::Timings;
use futures::{Stream, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use crate::error::ApiError;
use crate::limits::admission::Admitted;
use crate::representation::output::Output;
use crate::telemetry::metrics::{Outcome, Sent, StreamMetrics};
use crate::telemetry::shape::Shape;
use crate::telemetry::slow::SlowOperations;
use crate::telemetry::slow::millis;

/// Most bytes that the body hands over at once. So much a client must take within the idle time.
pub(crate) const SLICE_BYTES: usize = 64 << 10;

/// How long the connection stays open behind the line that says why it breaks.
const TIME_TO_SEND_LAST_LINE: Duration = Duration::from_millis(50);

/// What one client is sent.
pub(crate) struct Delivery {
    pub(crate) records: RecordStream,
    pub(crate) output: Output,
    /// The place among the streams that run at once; given back when the delivery ends.
    pub(crate) admitted: Admitted,
    /// How long the client may take for a slice.
    pub(crate) idle: Duration,
    pub(crate) request_id: String,
    pub(crate) counted: DeliveryMetrics,
}

/// Where a delivery is counted.
pub(crate) struct DeliveryMetrics {
    pub(crate) metrics: StreamMetrics,
    pub(crate) sent: Sent,
    /// What is told of a delivery whose records or encoding take long.
    pub(crate) shape: Option<Shape>,
    pub(crate) slow: SlowOperations,
}

/// Why a delivery ends before its end.
enum Stop {
    /// The records or their encoding failed.
    Failed(StoreError),
    /// The client took nothing for too long.
    Idle,
    /// The client is gone.
    Gone,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Delivery {
    /// Starts the task and hands out the body. A delivery that does not come to its end breaks the connection, so that
    /// what was sent does not pass for everything.
    ///
    /// The task ends, and with it the query, when the body is dropped.
    pub(crate) fn start(self) -> impl Stream<Item = Result<Bytes, StoreError>> {
        let (sender, mut receiver) = mpsc::channel(1);
        let Self { records, output, admitted, idle, request_id, counted } = self;
        let stats = StreamStats::new(counted);
        let task = Task { records, output, admitted, idle, request_id };
        tokio::spawn(task.run(sender, stats).instrument(tracing::debug_span!("stream.delivery")));
        stream! {
            while let Some(slice) = receiver.recv().await {
                let slice: Bytes = slice;
                // The mark of the end. As a chunk it would be the last.
                if slice.is_empty() {
                    return;
                }
                yield Ok(slice);
            }
            // A body that fails takes what was not sent yet with it.
            tokio::time::sleep(TIME_TO_SEND_LAST_LINE).await;
            yield Err(StoreError::new(StoreErrorKind::Cancelled, "the stream broke off"));
        }
    }
}

/// What the task works on.
struct Task {
    records: RecordStream,
    output: Output,
    admitted: Admitted,
    idle: Duration,
    request_id: String,
}

impl Task {
    async fn run(self, sender: mpsc::Sender<Bytes>, mut stats: StreamStats) {
        let gone = sender.clone();
        tokio::select! {
            biased;
            () = gone.closed() => {}
            () = self.deliver(&sender, &mut stats) => {}
        }
    }

    async fn deliver(self, sender: &mpsc::Sender<Bytes>, stats: &mut StreamStats) {
        let Self { mut records, output, admitted: _admitted, idle, request_id } = self;
        let mut client = Client { sender, idle, stats };
        let mut output = Some(output);
        match deliver_all(&mut records, &mut output, &mut client).await {
            Ok(()) => client.stats.outcome = Outcome::Completed,
            Err(Stop::Idle) => client.stats.outcome = Outcome::Idle,
            // The client has left until something else is known.
            Err(Stop::Gone) => {}
            Err(Stop::Failed(error)) => {
                client.stats.outcome = Outcome::Failed;
                // The query is over, however long the client takes for the last line.
                drop(records);
                let problem = json!(ApiError::from(Error::Store(error)).problem(&request_id));
                if let Ok(line) = write(&mut output, move |output| output.broken(&problem)).await {
                    // A client that does not take it sees the connection break.
                    let _ = client.send(line).await;
                }
            }
        }
    }
}

/// Sends every record, the end of the format and the mark of the end. While a piece is sent the next is encoded.
async fn deliver_all(
    records: &mut RecordStream,
    output: &mut Option<Output>,
    client: &mut Client<'_>,
) -> Result<(), Stop> {
    let mut encoded = next_piece(records, output).await?;
    while let Some(Piece { rows, bytes, timings }) = encoded {
        client.stats.takes(rows, timings);
        let (sent, next) = tokio::join!(client.send(bytes), next_piece(records, output));
        sent?;
        encoded = next?;
    }
    let piece = write(output, Output::end).await?;
    client.send(piece).await?;
    client.send_slice(Bytes::new()).await
}

/// Some records, encoded.
struct Piece {
    rows: u64,
    bytes: Bytes,
    timings: Timings,
}

/// The next records, encoded.
async fn next_piece(records: &mut RecordStream, output: &mut Option<Output>) -> Result<Option<Piece>, StoreError> {
    let started = Instant::now();
    let Some(batch) = records.next().await else { return Ok(None) };
    let batch: RecordBatch = batch?;
    let (rows, store) = (batch.num_rows() as u64, started.elapsed());
    let bytes = write(output, move |output| output.batch(&batch)).await?;
    let timings = Timings { pool: Duration::ZERO, store, encode: started.elapsed().saturating_sub(store) };
    Ok(Some(Piece { rows, bytes, timings }))
}

/// Encodes away from the event loop. The output is gone when that panics.
async fn write(
    output: &mut Option<Output>,
    work: impl FnOnce(&mut Output) -> Result<Bytes, StoreError> + Send + 'static,
) -> Result<Bytes, StoreError> {
    let gone = || StoreError::new(StoreErrorKind::Internal, "the encoder is gone");
    let mut taken = output.take().ok_or_else(gone)?;
    let (taken, piece) = blocking::run(move || {
        let piece = work(&mut taken);
        (taken, piece)
    })
    .await?;
    *output = Some(taken);
    piece
}

/// The body's end of the channel, as the task sees it.
struct Client<'d> {
    sender: &'d mpsc::Sender<Bytes>,
    idle: Duration,
    stats: &'d mut StreamStats,
}

impl Client<'_> {
    /// Hands a piece over, slice by slice.
    async fn send(&mut self, mut piece: Bytes) -> Result<(), Stop> {
        while !piece.is_empty() {
            let slice = piece.split_to(piece.len().min(SLICE_BYTES));
            self.send_slice(slice).await?;
        }
        Ok(())
    }

    async fn send_slice(&mut self, slice: Bytes) -> Result<(), Stop> {
        let bytes = slice.len() as u64;
        match timeout(self.idle, self.sender.send(slice)).await {
            Ok(Ok(())) => {
                self.stats.bytes += bytes;
                self.stats.counted.sent.bytes.inc_by(bytes);
                Ok(())
            }
            Ok(Err(_)) => Err(Stop::Gone),
            Err(_) => Err(Stop::Idle),
        }
    }
}

/// What a stream has sent; logged and counted when it ends, however it ends.
struct StreamStats {
    span: Span,
    started: Instant,
    rows: u64,
    /// As they were sent: compressed, where they were.
    bytes: u64,
    outcome: Outcome,
    /// Until the last piece, and without what was done before the first record came.
    timings: Timings,
    counted: DeliveryMetrics,
}

impl StreamStats {
    fn new(counted: DeliveryMetrics) -> Self {
        counted.metrics.begins();
        Self {
            span: Span::current(),
            started: Instant::now(),
            rows: 0,
            bytes: 0,
            outcome: Outcome::ClientLeft,
            timings: Timings::default(),
            counted,
        }
    }

    /// Enters records that are about to be sent.
    fn takes(&mut self, rows: u64, timings: Timings) {
        self.rows += rows;
        self.counted.sent.records.inc_by(rows);
        self.timings.store += timings.store;
        self.timings.encode += timings.encode;
    }
}

impl Drop for StreamStats {
    fn drop(&mut self) {
        self.counted.metrics.ends(self.outcome);
        let (elapsed, shape) = (self.started.elapsed(), self.counted.shape.take());
        self.span.in_scope(|| {
            tracing::info!(
                stream.rows = self.rows,
                stream.bytes = self.bytes,
                duration_ms = millis(elapsed),
                outcome = self.outcome.name(),
                "stream ended"
            );
            self.counted.slow.check(&self.timings, elapsed, || shape);
        });
    }
}
