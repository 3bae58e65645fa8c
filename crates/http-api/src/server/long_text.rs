//! Long answers of text, compressed as their client likes. Records are compressed where they are written.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::ports::StoreError;
use eider_application::runtime::blocking;
use eider_application::runtime::timings::{Stage, timed};

use crate::error::ApiError;
use crate::representation::accept;
use crate::representation::inflate::Compression;
use crate::representation::output::compressed;
use crate::request::conditional::tag_of_compressed;
use crate::response::kept::Lasting;
use crate::state::ApiState;

/// Fewer bytes are sent as they are: they fit into a packet.
const MIN_BYTES: usize = 1 << 10;
/// More bytes are compressed away from the event loop.
const INLINE_BYTES: usize = 16 << 10;
/// What an answer depends on where it is long.
const BY_CODING: &str = "accept-encoding";

/// Compresses the whole answer of a route. What has failed is written later, by [`problem`].
pub(crate) async fn compress(
    state: web::Data<ApiState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    if response.response().error().is_some() {
        return Ok(response);
    }
    let (request, mut response) = response.into_parts();
    if response.status() == StatusCode::NOT_MODIFIED {
        name_compressed(&request, response.headers_mut());
        if response.headers().contains_key(VARY) && !is_negotiated(response.headers()) {
            // As the answer does that it stands for.
            depend_on_coding(response.headers_mut());
        }
        return Ok(ServiceResponse::new(request, response));
    }
    let response = match Answer::of(&request, response) {
        Answer::AsItIs(response) => response,
        Answer::Long(long) => {
            let name = long.name(&request);
            let kept = name.as_ref().and_then(|name| state.compressed.of(name));
            let body = match kept {
                Some(body) => body,
                None => timed(Stage::Encode, long.compressed()).await?,
            };
            if let Some(name) = name {
                state.compressed.keep(&name, &body);
            }
            long.sent_as(body)
        }
    };
    Ok(ServiceResponse::new(request, response))
}

/// Compresses a problem: that with a bulk call may name many violations.
pub(crate) fn problem(request: &HttpRequest, response: HttpResponse) -> HttpResponse {
    match Answer::of(request, response) {
        Answer::AsItIs(response) => response,
        Answer::Long(long) => match compressed(long.body.to_vec(), Some(long.compression)) {
            Ok(body) => long.sent_as(body),
            Err(_) => long.plain(),
        },
    }
}

/// An answer as it is sent.
enum Answer {
    /// It is short, no text, compressed already, or its client wants it so.
    AsItIs(HttpResponse),
    Long(Long),
}

/// An answer that is to be compressed.
struct Long {
    response: HttpResponse<()>,
    body: Bytes,
    compression: Compression,
}

impl Answer {
    fn of(request: &HttpRequest, response: HttpResponse) -> Self {
        if !is_text(response.headers()) || is_negotiated(response.headers()) {
            return Self::AsItIs(response);
        }
        let (mut response, body) = response.into_parts();
        let body = match body.try_into_bytes() {
            Ok(body) if body.len() >= MIN_BYTES => body,
            Ok(body) => return Self::AsItIs(response.set_body(BoxBody::new(body))),
            Err(stream) => return Self::AsItIs(response.set_body(stream)),
        };
        depend_on_coding(response.headers_mut());
        match accept::compression_of_text(request) {
            Some(compression) => Self::Long(Long { response, body, compression }),
            None => Self::AsItIs(response.set_body(BoxBody::new(body))),
        }
    }
}

impl Long {
    /// What the compressed answer is kept by.
    fn name(&self, request: &HttpRequest) -> Option<String> {
        self.response.extensions().get::<Lasting>()?;
        let tag = self.response.headers().get(ETAG)?.to_str().ok()?;
        Some(format!("{} {} {tag}", self.compression.name(), request.path()))
    }

    async fn compressed(&self) -> Result<Bytes, ApiError> {
        let (plain, compression) = (self.body.clone(), Some(self.compression));
        let body = if plain.len() <= INLINE_BYTES {
            compressed(plain.to_vec(), compression)
        } else {
            blocking::run(move || compressed(plain.to_vec(), compression)).await.flatten()
        };
        body.map_err(|error: StoreError| eider_application::Error::from(error).into())
    }

    fn sent_as(mut self, body: Bytes) -> HttpResponse {
        let headers = self.response.headers_mut();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(self.compression.name()));
        let tag = headers.get(ETAG).and_then(|tag| tag_of_compressed(tag.to_str().ok()?, self.compression));
        if let Some(tag) = tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
            headers.insert(ETAG, tag);
        }
        self.response.set_body(BoxBody::new(body))
    }

    fn plain(self) -> HttpResponse {
        self.response.set_body(BoxBody::new(self.body))
    }
}

/// Gives an answer that a client has compressed the tag that it has it by.
fn name_compressed(request: &HttpRequest, headers: &mut HeaderMap) {
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let Some((tag, compression)) = tag.zip(accept::compression_of_text(request)) else { return };
    let Some(tag) = tag_of_compressed(tag, compression) else { return };
    let mut known = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    if known.any(|tags| tags.contains(&tag))
        && let Ok(tag) = HeaderValue::try_from(tag)
    {
        headers.insert(ETAG, tag);
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/") || essence.ends_with("json") || essence == "application/openmetrics-text"
}

/// Whether the route has chosen how its answer is compressed, if at all.
fn is_negotiated(headers: &HeaderMap) -> bool {
    let mut vary = headers.get_all(VARY).filter_map(|value| value.to_str().ok());
    headers.contains_key(CONTENT_ENCODING) || vary.any(|names| names.contains(BY_CODING))
}

fn depend_on_coding(headers: &mut HeaderMap) {
    let names = headers.get_all(VARY).filter_map(|value| value.to_str().ok()).chain([BY_CODING]);
    let names = names.collect::<Vec<_>>().join(", ");
    if let Ok(names) = HeaderValue::try_from(names) {
        headers.insert(VARY, names);
    }
}
