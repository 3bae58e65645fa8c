//! `GET /records/{schema}/stream`: every matching record, from one snapshot, in constant memory.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use arrow_array::RecordBatch;
use async_stream::stream;
use bytes::Bytes;
use eider_application::{Error, RecordStream, StoreError, blocking};
use futures::{Stream, StreamExt};
use serde_json::json;
use tracing::Span;

use crate::accept::stream_media_type;
use crate::encode::RecordEncoder;
use crate::error::ApiError;
use crate::middleware::request_id;
use crate::query_string::{Parameters, record_query, stream_limit};
use crate::state::{ApiState, MIN_SEQ};

/// How long the connection stays open behind the line that says why it breaks.
const TIME_TO_SEND_LAST_LINE: Duration = Duration::from_millis(50);

pub(super) async fn records(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let media_type = stream_media_type(&request)?;
    let parameters = Parameters::parse(request.query_string(), &["fields", "sort", "filters", "limit", MIN_SEQ], true)?;
    let schema = state.schema_to_read(&name, &parameters).await?;
    let query = record_query(&parameters, &schema, &state.settings)?;
    let records = state.services.query.stream(&schema, query, stream_limit(&parameters)?).await?;
    Ok(HttpResponse::Ok().content_type(media_type).streaming(lines(records, request_id(&request))))
}

/// The records as NDJSON. A failure writes a last line `{"$error": problem}` and then breaks the connection.
fn lines(mut records: RecordStream, request_id: String) -> impl Stream<Item = Result<Bytes, StoreError>> {
    let encoder = RecordEncoder::new(records.schema());
    let mut account = Account::new();
    stream! {
        while let Some(batch) = records.next().await {
            let line_bytes = match batch {
                Ok(batch) => encode(&encoder, batch, &mut account).await,
                Err(error) => Err(error),
            };
            match line_bytes {
                Ok(bytes) => {
                    yield Ok(bytes);
                }
                Err(error) => {
                    account.close("failed");
                    let kind = error.kind();
                    let problem = ApiError::from(Error::Store(error)).problem(&request_id);
                    yield Ok(Bytes::from(format!("{}\n", json!({"$error": problem}))));
                    // A body that fails takes what was not sent yet with it.
                    tokio::time::sleep(TIME_TO_SEND_LAST_LINE).await;
                    yield Err(StoreError::new(kind, "the stream broke off"));
                    return;
                }
            }
        }
        account.close("completed");
    }
}

/// Encodes a batch away from the event loop.
async fn encode(encoder: &RecordEncoder, batch: RecordBatch, account: &mut Account) -> Result<Bytes, StoreError> {
    account.rows += batch.num_rows() as u64;
    let (encoder, capacity) = (encoder.clone(), account.bytes_per_row * (batch.num_rows() + 1));
    let rows = batch.num_rows().max(1);
    let bytes = blocking::run(move || {
        let mut out = Vec::with_capacity(capacity);
        encoder.write_lines(&batch, &mut out);
        Bytes::from(out)
    })
    .await?;
    account.bytes += bytes.len() as u64;
    account.bytes_per_row = bytes.len() / rows + 1;
    Ok(bytes)
}

/// What a stream has sent; logged when it ends, however it ends.
struct Account {
    span: Span,
    started: Instant,
    rows: u64,
    bytes: u64,
    /// Size of the rows of the last batch, to size the next buffer.
    bytes_per_row: usize,
    outcome: &'static str,
}

impl Account {
    fn new() -> Self {
        Self {
            span: Span::current(),
            started: Instant::now(),
            rows: 0,
            bytes: 0,
            bytes_per_row: 512,
            outcome: "abandoned",
        }
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
