//! `GET /records/{schema}/stream`: every matching record, from one snapshot, in constant memory.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use arrow_schema::SchemaRef;
use async_stream::stream;
use bytes::Bytes;
use eider_application::{BodyFormat, Error, RecordStream, StoreError, StoreErrorKind, blocking};
use futures::{Stream, StreamExt};
use serde_json::json;
use tracing::Span;

use super::represented;
use crate::accept::{FORMAT, Representation};
use crate::error::ApiError;
use crate::middleware::request_id;
use crate::output::Output;
use crate::query_string::{Parameters, record_query, stream_limit};
use crate::state::{ApiState, MIN_SEQ};

/// How long the connection stays open behind the line that says why it breaks.
const TIME_TO_SEND_LAST_LINE: Duration = Duration::from_millis(50);

const CONTROLS: [&str; 6] = ["fields", "sort", "filters", "limit", FORMAT, MIN_SEQ];

pub(super) async fn records(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, true)?;
    let representation = Representation::negotiate(&request, &parameters, BodyFormat::Ndjson)?;
    let schema = state.schema_to_read(&name, &parameters).await?;
    let query = record_query(&parameters, &schema, &state.settings)?;
    let records = state.services.query.stream(&schema, query, stream_limit(&parameters)?).await?;
    let columns = SchemaRef::clone(records.schema());
    let output = blocking::run(move || Output::new(&representation, &columns)).await.flatten().map_err(Error::from)?;
    let pieces = pieces(records, output, representation.media_type.format, request_id(&request));
    Ok(represented(HttpResponse::Ok(), &representation).streaming(pieces))
}

/// The records in their format. A failure breaks the connection, so that what was sent does not pass for everything;
/// in NDJSON a last line `{"$error": problem}` says why.
fn pieces(
    mut records: RecordStream,
    output: Output,
    format: BodyFormat,
    request_id: String,
) -> impl Stream<Item = Result<Bytes, StoreError>> {
    let mut account = Account::new();
    let mut output = Some(output);
    stream! {
        loop {
            let batch = records.next().await;
            let is_last = batch.is_none();
            let piece = match batch {
                Some(Ok(batch)) => {
                    account.rows += batch.num_rows() as u64;
                    write(&mut output, move |output| output.batch(&batch)).await
                }
                Some(Err(error)) => Err(error),
                None => write(&mut output, Output::end).await,
            };
            match piece {
                Ok(bytes) => {
                    account.bytes += bytes.len() as u64;
                    // A chunk without bytes would be the last.
                    if !bytes.is_empty() {
                        yield Ok(bytes);
                    }
                }
                Err(error) => {
                    account.close("failed");
                    let kind = error.kind();
                    let problem = ApiError::from(Error::Store(error)).problem(&request_id);
                    let line = format!("{}\n", json!({"$error": problem}));
                    if format == BodyFormat::Ndjson
                        && let Ok(line) = write(&mut output, move |output| output.remark(line)).await
                    {
                        yield Ok(line);
                        // A body that fails takes what was not sent yet with it.
                        tokio::time::sleep(TIME_TO_SEND_LAST_LINE).await;
                    }
                    yield Err(StoreError::new(kind, "the stream broke off"));
                    return;
                }
            }
            if is_last {
                account.close("completed");
                return;
            }
        }
    }
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

/// What a stream has sent; logged when it ends, however it ends.
struct Account {
    span: Span,
    started: Instant,
    rows: u64,
    /// As they were sent: compressed, where they were.
    bytes: u64,
    outcome: &'static str,
}

impl Account {
    fn new() -> Self {
        Self { span: Span::current(), started: Instant::now(), rows: 0, bytes: 0, outcome: "abandoned" }
    }

    fn close(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let duration_ms = self.started.elapsed().as_secs_f64() * 1e3;
        self.span.in_scope(|| {
            tracing::info!(
                stream.rows = self.rows,
                stream.bytes = self.bytes,
                duration_ms,
                outcome = self.outcome,
                "stream ended"
            );
        });
    }
}
