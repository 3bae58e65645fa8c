//! Bodies of requests, within their limit and never waited for without end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::{HttpRequest, web};
use async_stream::stream;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Buf, Bytes, BytesMut};
use eider_application::ingest::{BYTE_ORDER_MARK, BodyError};
use eider_application::runtime::{Reservation, blocking};
use eider_application::{Error, ErrorCode};
use eider_domain::{JsonFault, Violation, ViolationCode, check_json, count_values, parse_json};
use futures::{Stream, StreamExt};
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::HttpSettings;
use crate::error::ApiError;
use crate::limits::admission::memory_is_short;
use crate::representation::inflate::{Compression, inflated};
use crate::request::content_type::{media_type, unsupported};
use crate::state::ApiState;
use crate::transport::body_timeouts::BodyTimeouts;

/// Memory that a byte of a bulk body takes at most while it is decoded, checked and staged.
const DECODED_BYTES_A_BYTE: u64 = 4;
/// Memory of a bulk call however short it is.
const MIN_NEED_BYTES: u64 = 1 << 20;

/// A body as it arrives.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>>>>;

/// The pieces of a body as they arrive; ends after the first `Err`.
///
/// # Errors
/// At once, before anything is read, when the request declares a body over `limit_bytes` or an encoding that
/// is not read here.
pub(crate) fn pieces(
    request: &HttpRequest,
    payload: web::Payload,
    limit_bytes: u64,
    timeouts: BodyTimeouts,
) -> Result<impl Stream<Item = Result<Bytes, BodyError>> + use<>, ApiError> {
    match encoding(request) {
        None => sent_pieces(request, payload, limit_bytes, timeouts),
        Some(encoding) => Err(unsupported_encoding(encoding, "send the body as it is")),
    }
}

/// The pieces of a bulk body, inflated when it comes as gzip or zstd. The limit holds for what is sent and for what
/// it becomes.
///
/// # Errors
/// As [`pieces`].
pub(crate) fn bulk_pieces(
    request: &HttpRequest,
    payload: web::Payload,
    limit_bytes: u64,
    timeouts: BodyTimeouts,
) -> Result<Pieces, ApiError> {
    let compression = match encoding(request).map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("gzip" | "x-gzip") => Some(Compression::Gzip),
        Some("zstd") => Some(Compression::Zstd),
        Some(other) => return Err(unsupported_encoding(other, "send gzip, zstd or the body as it is")),
    };
    let sent = sent_pieces(request, payload, limit_bytes, timeouts)?;
    Ok(match compression {
        None => Box::pin(sent),
        Some(compression) => Box::pin(inflated(sent, compression, limit_bytes)),
    })
}

/// The `Content-Length` of a body, if it has one.
fn declared_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Memory that a bulk call may need, in bytes: a body that is short needs less than most do.
pub(crate) fn bulk_need(request: &HttpRequest, settings: &HttpSettings) -> u64 {
    let most = settings.bulk_call_memory_bytes;
    match declared_length(request) {
        Some(length) if encoding(request).is_none() => {
            length.saturating_mul(DECODED_BYTES_A_BYTE).saturating_add(MIN_NEED_BYTES).min(most)
        }
        _ => most,
    }
}

/// The same for a body that is held as a whole beside what is made of it.
pub(crate) fn buffered_need(request: &HttpRequest, settings: &HttpSettings) -> u64 {
    let held = declared_length(request).unwrap_or(settings.max_buffered_bulk_bytes);
    bulk_need(request, settings).saturating_add(held)
}

/// The `Content-Encoding` of a body, if it has one.
fn encoding(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(CONTENT_ENCODING)?;
    Some(value.to_str().unwrap_or("(not text)").trim()).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
}

fn unsupported_encoding(encoding: &str, advice: &str) -> ApiError {
    let shown: String = encoding.chars().take(32).collect();
    let detail = format!("the content encoding `{shown}` is not read here; {advice}");
    ApiError::new(ErrorCode::UnsupportedMediaType, detail)
}

fn sent_pieces(
    request: &HttpRequest,
    payload: web::Payload,
    limit_bytes: u64,
    timeouts: BodyTimeouts,
) -> Result<impl Stream<Item = Result<Bytes, BodyError>> + use<>, ApiError> {
    if declared_length(request).is_some_and(|length| length > limit_bytes) {
        return Err(Error::BodyTooLarge { limit_bytes }.into());
    }
    Ok(stream! {
        let mut payload = payload;
        let (mut received, mut waited) = (0_u64, Duration::ZERO);
        loop {
            let asked = Instant::now();
            let piece = tokio::time::timeout(timeouts.left(received, waited), payload.next()).await;
            waited += asked.elapsed();
            match piece {
                Err(_) => {
                    yield Err(BodyError::Timeout);
                    return;
                }
                Ok(None) => return,
                Ok(Some(Err(_))) => {
                    yield Err(BodyError::Unreadable);
                    return;
                }
                Ok(Some(Ok(piece))) => {
                    received += piece.len() as u64;
                    if received > limit_bytes {
                        yield Err(BodyError::TooLarge { limit_bytes });
                        return;
                    }
                    yield Ok(piece);
                }
            }
        }
    })
}

/// The media type of a JSON body.
pub(crate) const JSON: &[&str] = &["application/json"];
/// The media types of a change: a merge patch (RFC 7396), also under the name of any JSON.
pub(crate) const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// Memory that a value of a document takes at most, beside its text: its place in a list or an object, and its key.
const VALUE_BYTES: u64 = 128;
/// Most characters that are shown of why a body cannot be read.
const MAX_SHOWN_CHARS: usize = 200;
/// Bytes of a document that is read on the event loop; a longer one goes to a thread that may block.
pub(crate) const INLINE_BYTES: usize = 64 << 10;

/// Memory that is reserved for a body, until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    bytes: u64,
    reservations: Vec<Reservation>,
}

impl Held {
    /// Of a body whose memory was reserved before.
    fn admitted() -> Self {
        Self { bytes: u64::MAX, reservations: Vec::new() }
    }

    /// Reserves so many bytes in all. What is short is not waited for without end.
    ///
    /// # Errors
    /// 503 when memory is short.
    async fn grow_to(&mut self, bytes: u64, state: &ApiState) -> Result<(), ApiError> {
        if bytes <= self.bytes.max(INLINE_BYTES as u64) {
            return Ok(());
        }
        let wait = state.settings().stream_wait;
        let reserved = state.services.memory.reserve(bytes - self.bytes, wait).await;
        self.reservations.push(reserved.ok_or_else(memory_is_short)?);
        self.bytes = bytes;
        Ok(())
    }
}

/// A whole body of one of the `accepted` media types, held in memory that is reserved; without its byte order mark.
pub(crate) async fn whole(
    request: &HttpRequest,
    payload: web::Payload,
    accepted: &[&str],
    limit_bytes: u64,
    state: &ApiState,
) -> Result<(Bytes, Held), ApiError> {
    let mut held = Held::default();
    let body = gathered(request, payload, accepted, limit_bytes, (state, &mut held)).await?;
    Ok((body, held))
}

/// The same for a body whose memory was reserved before.
pub(crate) async fn whole_admitted(
    request: &HttpRequest,
    payload: web::Payload,
    accepted: &[&str],
    limit_bytes: u64,
    state: &ApiState,
) -> Result<Bytes, ApiError> {
    gathered(request, payload, accepted, limit_bytes, (state, &mut Held::admitted())).await
}

async fn gathered(
    request: &HttpRequest,
    payload: web::Payload,
    accepted: &[&str],
    limit_bytes: u64,
    (state, held): (&ApiState, &mut Held),
) -> Result<Bytes, ApiError> {
    let media_type = media_type(request)?;
    // What has no body needs no type. Without one, a page of another site may send whatever it likes.
    let has_none = media_type.is_empty() && declared_length(request).unwrap_or_default() == 0;
    let has_none = has_none && !request.headers().contains_key(TRANSFER_ENCODING);
    if !has_none && !accepted.contains(&media_type.as_str()) {
        return Err(unsupported(&media_type, &accepted.join(", ")));
    }
    let pieces = pieces(request, payload, limit_bytes, state.settings().body_timeouts())?;
    let mut pieces = std::pin::pin!(pieces);
    let mut body = BytesMut::new();
    held.grow_to(declared_length(request).unwrap_or_default(), state).await?;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(Error::from)?;
        let bytes = (body.len() + piece.len()) as u64;
        if bytes > held.bytes {
            held.grow_to((bytes * 2).min(limit_bytes), state).await?;
        }
        body.extend_from_slice(&piece);
    }
    if body.starts_with(BYTE_ORDER_MARK) {
        body.advance(BYTE_ORDER_MARK.len());
    }
    Ok(body.freeze())
}

/// A body that was one JSON document, and the memory that it takes.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) json: Arc<Json>,
    /// What is known of a document that is too long for the event loop.
    digest: Option<String>,
    held: Held,
}

impl Document {
    /// The document alone, and the memory that it takes.
    pub(crate) fn into_parts(self) -> (Json, Held) {
        (Arc::unwrap_or_clone(self.json), self.held)
    }

    /// What tells the document from others, long ones by all of their bytes.
    pub(crate) fn identity(&self, of_short: impl FnOnce() -> String) -> String {
        self.digest.as_ref().map_or_else(of_short, |digest| format!("document {digest}"))
    }

    /// Does something with it, away from the event loop when it is long.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Json) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        if self.digest.is_none() {
            return Ok(work(&self.json));
        }
        let json = Arc::clone(&self.json);
        Ok(blocking::run(move || work(&json)).await.map_err(Error::from)?)
    }
}

/// A body that is one JSON document, within the limit of single records.
pub(crate) async fn json(request: &HttpRequest, payload: web::Payload, state: &ApiState) -> Result<Document, ApiError> {
    let (body, held) = whole(request, payload, JSON, state.settings().max_body_bytes, state).await?;
    document(body, held, state).await
}

/// A body that is JSON, if there is one and it is not null.
pub(crate) async fn json_if_any(
    request: &HttpRequest,
    payload: web::Payload,
    state: &ApiState,
) -> Result<Option<Document>, ApiError> {
    let (body, held) = whole(request, payload, JSON, state.settings().max_body_bytes, state).await?;
    if body.is_empty() {
        return Ok(None);
    }
    Ok(Some(document(body, held, state).await?).filter(|document| !document.json.is_null()))
}

async fn document(body: Bytes, mut held: Held, state: &ApiState) -> Result<Document, ApiError> {
    let settings = state.settings();
    let (max_depth, max_values) = (settings.max_json_depth, settings.max_document_values);
    if body.len() < INLINE_BYTES {
        let values = values_of(&body);
        let json = read_document(&body, max_depth, (values, max_values))?;
        return Ok(Document { json: Arc::new(json), digest: None, held });
    }
    let text = body.clone();
    let values = blocking::run(move || values_of(&text)).await.map_err(Error::from)?;
    held.grow_to(held.bytes + values.min(max_values) * VALUE_BYTES, state).await?;
    let read = move || {
        let json = read_document(&body, max_depth, (values, max_values))?;
        Ok::<_, ApiError>((Arc::new(json), URL_SAFE_NO_PAD.encode(Sha256::digest(&body))))
    };
    let (json, digest) = blocking::run(read).await.map_err(Error::from)??;
    Ok(Document { json, digest: Some(digest), held })
}

/// How many values a text has; none of what is no text, which is refused.
fn values_of(body: &[u8]) -> u64 {
    std::str::from_utf8(body).map_or(0, count_values)
}

/// The document that a text of so many values is, once it is sure that it is read in one way: no key twice, nothing that is no
/// number or no text, no deeper than it may be and with no more values.
fn read_document(body: &[u8], max_depth: usize, (values, max_values): (u64, u64)) -> Result<Json, ApiError> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(Error::MalformedJson { detail: "the body is not valid JSON: it is not UTF-8".to_owned() }.into());
    };
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| malformed(&error))?;
    if values > max_values {
        let detail = format!("a document has {max_values} values at most, nested ones too");
        return Err(ApiError::new(ErrorCode::QueryTooComplex, detail));
    }
    if let Err(JsonFault { pointer, code, detail }) = check_json(text, max_depth) {
        let is_malformed = matches!(code, ViolationCode::MalformedJson | ViolationCode::OutOfRange);
        let error = if is_malformed { ErrorCode::MalformedJson } else { ErrorCode::MalformedRequest };
        let violation = Violation::new(pointer.clone(), code, detail.clone());
        return Err(ApiError::new(error, detail).at(&pointer).with_errors(vec![violation]));
    }
    parse_json(text).map_err(|error| malformed(&error))
}

/// A body that is no JSON, or not that of its route.
pub(crate) fn malformed(error: &serde_json::Error) -> ApiError {
    // It may have a key of the body in it, however long that is.
    let shown: String = error.to_string().chars().take(MAX_SHOWN_CHARS).collect();
    if error.is_data() {
        return ApiError::new(ErrorCode::MalformedRequest, format!("the body is JSON of another form: {shown}"));
    }
    Error::MalformedJson { detail: format!("the body is not valid JSON: {shown}") }.into()
}
