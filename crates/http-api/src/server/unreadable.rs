//! Answers to what is no request, and a gentle end for its connection.
//!
//! A head that the HTTP library cannot read never becomes a request: the library writes an empty 400, 408 or 431 of its own and
//! drops the connection, with what the client still sends unread, so that the client may see a reset instead of the
//! answer. [`Guarded`] stands between the library and the socket. It writes a problem in place of the empty answer, and
//! reads for a while before it closes.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web;
use eider_application::ErrorCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::headers::{NOT_KEPT, of_every_answer};
use crate::error::{ApiError, PROBLEM_JSON, status_of};
use crate::state::ApiState;
use crate::telemetry::metrics::Endpoint;
use crate::telemetry::request_id::REQUEST_ID;
use crate::transport::connections::Connection;

/// Longest empty answer of the HTTP library.
const MAX_BARE_BYTES: usize = 160;
/// The headers that such an answer may have. Every answer of the API has others.
const BARE_HEADERS: [&str; 3] = ["content-length", "connection", "date"];
/// How much of what was read last is kept, to say what is wrong with it.
const KEPT_BYTES: usize = 1 << 10;
/// How long, and how much, a client's rest is read and thrown away between the last answer and the end of its connection.
pub(super) const LINGER: Duration = Duration::from_secs(3);
const MAX_LINGER_BYTES: u64 = 1 << 20;
/// Most connections of a worker that are read from only to be closed. Beyond them connections are closed at once.
const MAX_LINGERING: usize = 256;

/// What the connections of a worker share.
#[derive(Debug, Clone)]
pub(crate) struct Unreadable {
    state: web::Data<ApiState>,
    lingering: Arc<Semaphore>,
}

impl Unreadable {
    pub(crate) fn new(state: web::Data<ApiState>) -> Self {
        Self { state, lingering: Arc::new(Semaphore::new(MAX_LINGERING)) }
    }

    /// A whole answer, which is the last one of its connection.
    fn answer(&self, error: &ApiError) -> Vec<u8> {
        let (id, status) = (Uuid::new_v4().to_string(), status_of(error.code()));
        tracing::info!(request_id = %id, http.status = status.as_u16(), "what was sent is no request");
        self.state.request_metrics.problem(error.code(), None);
        self.state.request_metrics.answered(Endpoint::none(), status.as_u16(), Duration::ZERO);
        // A problem has text, numbers and lists of them, which all are JSON.
        let body = serde_json::to_string(&error.problem(&id)).unwrap_or_default();
        let mut head = format!("HTTP/1.1 {status}\r\n");
        let length = body.len().to_string();
        let own: [(_, &str); 5] = [
            (CONTENT_TYPE, PROBLEM_JSON),
            (CONTENT_LENGTH, &length),
            (CONNECTION, "close"),
            (CACHE_CONTROL, NOT_KEPT),
            (REQUEST_ID, &id),
        ];
        let every = of_every_answer(self.state.settings().tls.is_some()).map(|(name, value)| (name, value as &str));
        for (name, value) in own.into_iter().chain(every) {
            // Writing to a string cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", body.as_bytes()].concat()
    }
}

/// What is wrong with bytes that the HTTP library answered with an empty `status`.
fn problem(status: u16, sent: &[u8]) -> ApiError {
    match status {
        408 => ApiError::new(ErrorCode::RequestTimeout, "the head of the request did not come to its end in time"),
        431 => ApiError::new(
            ErrorCode::HeadersTooLarge,
            "the head of the request is longer than 128 KiB or has more than 96 headers; send a query as a body",
        ),
        _ => ApiError::new(ErrorCode::MalformedRequest, malformed(sent)),
    }
}

/// Says what keeps bytes from being the head of a request, as far as they show it.
fn malformed(sent: &[u8]) -> String {
    if sent.starts_with(&[0x16, 0x03]) {
        return "this address speaks HTTP, and what was sent begins a TLS connection; ask `http://`".to_owned();
    }
    if sent.starts_with(b"PRI * HTTP/2") {
        return "HTTP/2 is not spoken here; send HTTP/1.1".to_owned();
    }
    let line = sent.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let version = line.windows(6).rposition(|window| window == b" HTTP/");
    let target = line.iter().position(|byte| *byte == b' ').map_or(line.len(), |space| space + 1);
    let url = line.get(target..version.unwrap_or(line.len())).unwrap_or_default();
    if let Some(at) = url.iter().position(|byte| !is_url_byte(*byte)) {
        let character = String::from_utf8_lossy(&url[at..]).chars().next().unwrap_or_default();
        let (byte, text) = (at + 1, character.to_string());
        let encoded = utf8_percent_encode(&text, NON_ALPHANUMERIC);
        return format!("byte {byte} of the URL begins {character:?}, which a URL has as `{encoded}`");
    }
    let head = String::from_utf8_lossy(sent).to_ascii_lowercase();
    let is_whole = head.contains("\r\n\r\n") || head.contains("\n\n");
    if is_whole && version.is_some() && !head.contains("\nhost:") {
        return "the request has no `Host` header".to_owned();
    }
    if is_whole && head.contains("\ntransfer-encoding:") {
        return "`Transfer-Encoding` must be `chunked`, once, over HTTP/1.1 and without `Content-Length`".to_owned();
    }
    "this is not the head of a request over HTTP/1.1: a method, a URL, `HTTP/1.1`, then a header a line".to_owned()
}

/// Whether a URL may have a byte as it is.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>')
}

/// Where the empty answers begin that the HTTP library wrote last, and the status of the first: it may find the rest of what
/// it could not read unreadable as well.
fn bare_answers(written: &[u8]) -> Option<(usize, u16)> {
    let mut first = bare_answer(written)?;
    while let Some(earlier) = bare_answer(&written[..first.0]) {
        first = earlier;
    }
    Some(first)
}

/// An empty answer of the HTTP library at the end of what it writes: where it begins, and its status.
fn bare_answer(written: &[u8]) -> Option<(usize, u16)> {
    if !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = written.len().saturating_sub(MAX_BARE_BYTES);
    let start = from + written[from..].windows(7).rposition(|window| window == b"HTTP/1.")?;
    let mut lines = std::str::from_utf8(&written[start..]).ok()?.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let is_bare = lines.all(|line| line.split_once(':').is_some_and(|(name, _)| BARE_HEADERS.contains(&name)));
    (is_bare && matches!(status, 400 | 408 | 431)).then_some((start, status))
}

/// What is written in place of what the HTTP library wrote.
#[derive(Debug)]
struct Replacement {
    bytes: Vec<u8>,
    written: usize,
    /// Length of what it stands for.
    replaces: usize,
}

/// The socket of a connection, as the HTTP library has it.
#[derive(Debug)]
pub(crate) struct Guarded<T: Io> {
    /// There until this is dropped.
    io: Option<T>,
    /// `None` where the process has no file descriptor left to watch it by.
    connection: Option<Arc<Connection>>,
    shared: Unreadable,
    /// The beginning of what was read last.
    sent: Vec<u8>,
    replacement: Option<Replacement>,
    /// Whether an empty answer was replaced.
    is_refused: bool,
    /// Whether the client has closed its side, or one of the two has ended the connection.
    is_ended: bool,
}

/// What a connection is read from and written to.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

impl<T: Io> Guarded<T> {
    pub(crate) fn new(io: T, connection: Option<Arc<Connection>>, shared: Unreadable) -> Self {
        let (sent, replacement) = (Vec::new(), None);
        Self { io: Some(io), connection, shared, sent, replacement, is_refused: false, is_ended: false }
    }

    pub(crate) fn connection(&self) -> Option<&Arc<Connection>> {
        self.connection.as_ref()
    }

    fn io(&mut self) -> Pin<&mut T> {
        Pin::new(self.io.as_mut().expect("it is taken by the drop alone"))
    }

    /// Keeps the beginning of a head, also when it arrives in pieces.
    fn keep(&mut self, read: &[u8]) {
        let is_head_open = !self.sent.windows(4).any(|window| window == b"\r\n\r\n");
        if !is_head_open || self.sent.len() >= KEPT_BYTES {
            self.sent.clear();
        }
        let room = KEPT_BYTES - self.sent.len();
        self.sent.extend_from_slice(&read[..read.len().min(room)]);
    }

    /// How much of `written` goes out as it is; none of it when it is the empty answer that is to be replaced.
    fn passes(&mut self, written: &[u8]) -> usize {
        if self.is_refused {
            // Another of its empty answers.
            self.replacement = Some(Replacement { bytes: Vec::new(), written: 0, replaces: written.len() });
            return 0;
        }
        let is_busy = || self.connection.as_ref().is_some_and(|connection| connection.is_busy());
        let Some((start, status)) = bare_answers(written).filter(|_| !is_busy()) else {
            return written.len();
        };
        if start == 0 {
            self.is_refused = true;
            let bytes = self.shared.answer(&problem(status, &self.sent));
            self.replacement = Some(Replacement { bytes, written: 0, replaces: written.len() });
        }
        start
    }
}

impl<T: Io> AsyncRead for Guarded<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (this, before) = (self.get_mut(), buffer.filled().len());
        let read = ready!(this.io().poll_read(context, buffer));
        this.is_ended |= read.is_err() || buffer.filled().len() == before;
        this.keep(&buffer.filled()[before..]);
        Poll::Ready(read)
    }
}

impl<T: Io> AsyncWrite for Guarded<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.replacement.is_none() {
            let passes = this.passes(bytes);
            if passes > 0 {
                let written = this.io().poll_write(context, &bytes[..passes]);
                if let Some(connection) = &this.connection {
                    connection.sent(written.is_pending());
                }
                return written;
            }
        }
        // It is taken out for the time of the write, and put back unless it is done.
        let Some(mut replacement) = this.replacement.take() else { return Poll::Ready(Ok(0)) };
        while replacement.written < replacement.bytes.len() {
            match this.io().poll_write(context, &replacement.bytes[replacement.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => replacement.written += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    this.replacement = Some(replacement);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(replacement.replaces))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_ended = true;
        this.io().poll_shutdown(context)
    }
}

impl<T: Io> Drop for Guarded<T> {
    /// Answers a request that the library gave up, and reads on for a while after the last answer. To close a socket with
    /// bytes unread resets the connection, and the client may never see the answer.
    fn drop(&mut self) {
        let is_given_up = !self.is_ended && self.connection.as_ref().is_some_and(|connection| connection.is_given_up());
        let Some(io) = self.io.take().filter(|_| self.is_refused || is_given_up) else { return };
        let Ok(permit) = Arc::clone(&self.shared.lingering).try_acquire_owned() else { return };
        let last = if is_given_up { self.shared.answer(&broken_chunks()) } else { Vec::new() };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(linger(io, last, permit));
        }
    }
}

fn broken_chunks() -> ApiError {
    let detail = "the chunks of the body cannot be told apart; each has its size in hexadecimal in a line before it";
    ApiError::new(ErrorCode::MalformedRequest, detail)
}

async fn linger<T: Io>(mut io: T, last: Vec<u8>, _permit: OwnedSemaphorePermit) {
    let end = async {
        io.write_all(&last).await?;
        io.shutdown().await?;
        tokio::io::copy(&mut (&mut io).take(MAX_LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // The client is gone, goes on sending, or sends nothing: whichever, the connection is closed now.
    let _ = tokio::time::timeout(LINGER, end).await;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_answer_of_the_library_is_found_behind_others() {
        let bare = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: x\r\n\r\n";
        assert_eq!(bare_answer(bare.as_bytes()), Some((0, 400)));
        let before = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(bare_answer(format!("{before}{bare}").as_bytes()), Some((before.len(), 400)));
    }

    #[test]
    fn an_answer_of_the_api_is_never_taken_for_one() {
        for written in [
            "HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-request-id: 1\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "",
        ] {
            assert_eq!(bare_answer(written.as_bytes()), None, "{written:?}");
        }
    }

    proptest! {
        #[test]
        fn any_character_that_a_url_cannot_have_is_named(before in "[a-z0-9=&./]{0,40}", odd in "[\"<>\u{7f}-\u{10ffff}]") {
            let detail = malformed(format!("GET /{before}{odd} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
            prop_assert!(detail.starts_with(&format!("byte {} of the URL", before.len() + 2)), "{detail}");
            prop_assert!(detail.contains('%'), "{detail}");
        }

        #[test]
        fn any_bytes_have_an_explanation(sent in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!malformed(&sent).is_empty());
        }
    }
}
