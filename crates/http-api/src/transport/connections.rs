//! Connections that ask nothing for too long, however much they send, and those whose client has left.
//!
//! The HTTP library bounds the time of a connection's first head, and the time between an answer and the first byte behind
//! it. A head that trickles in behind that byte has no bound there, and here it has.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::net::{Shutdown, TcpStream as Socket};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::http::{ConnectionType, Version};
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream;
use actix_web::{Error, HttpMessage, ResponseError, web};
use futures::Stream;
use rustix::net::sockopt::set_socket_linger;
use tokio::sync::watch;

/// How long a client that has closed its side is sent nothing before it counts as gone.
const HALF_CLOSED: Duration = Duration::from_secs(2);
/// Most bytes of a request that are read when its answer is known, for the sake of the next one on its connection.
const MAX_REST_BYTES: usize = 1 << 20;
/// How long they are waited for.
const TIME_FOR_REST: Duration = Duration::from_millis(200);

/// Chunks as the HTTP library takes them.
type BoxedPayloadStream = Pin<Box<dyn Stream<Item = Result<web::Bytes, PayloadError>>>>;

/// The connections that are open. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    open: Arc<Mutex<Vec<Weak<Connection>>>>,
    /// How long a connection may be without a request that is being answered.
    idle_timeout: Duration,
}

/// A connection, as long as the HTTP library has it.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    usage: Mutex<Usage>,
    /// Whether nobody waits for an answer any more.
    is_left: watch::Sender<bool>,
    /// Whether the HTTP library gave a request up before its answer was known.
    is_given_up: AtomicBool,
}

#[derive(Debug)]
struct Usage {
    requests: usize,
    idle_since: Instant,
    /// When something was sent last.
    progress: Instant,
    /// Whether the client takes nothing of what is sent.
    is_blocked: bool,
    /// Since when the client sends nothing any more.
    ended: Option<Instant>,
}

impl Connections {
    pub(crate) fn new(idle_timeout: Duration) -> Self {
        Self { open: Arc::default(), idle_timeout }
    }

    /// Watches a connection that was accepted. `None` when the process has no file descriptor left for it.
    pub(crate) fn register(&self, stream: &TcpStream) -> Option<Arc<Connection>> {
        let handle = stream.as_fd().try_clone_to_owned().ok()?;
        let now = Instant::now();
        let usage = Mutex::new(Usage { requests: 0, idle_since: now, progress: now, is_blocked: false, ended: None });
        let is_left = watch::Sender::new(false);
        let is_given_up = AtomicBool::new(false);
        let connection = Arc::new(Connection { socket: Socket::from(handle), usage, is_left, is_given_up });
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&connection));
        Some(connection)
    }

    /// Closes connections that have been idle for too long, or take nothing of an answer for longer than `stream_idle`, and
    /// finds out which have been left.
    fn look_after(&self, stream_idle: Duration) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| match connection.upgrade() {
            None => false,
            Some(connection)
                if connection.is_idle_for(self.idle_timeout)
                    // A stream ends by itself before.
                    || connection.is_blocked_for(stream_idle + self.idle_timeout) =>
            {
                // It may be closed already.
                let _ = connection.socket.shutdown(Shutdown::Both);
                false
            }
            Some(connection) => {
                connection.look_whether_left();
                true
            }
        });
    }

    /// Looks after connections now and then, with what `stream_idle` says by then; never ends.
    pub(crate) async fn follow(self, stream_idle: impl Fn() -> Duration) {
        let mut ticks =
            tokio::time::interval((self.idle_timeout / 4).clamp(Duration::from_millis(10), Duration::from_secs(1)));
        loop {
            ticks.tick().await;
            self.look_after(stream_idle());
        }
    }
}

impl Connection {
    /// A client that has closed its side may wait for its answer, and one that is gone looks the same. It is left when nothing
    /// could be sent to it for a while.
    fn look_whether_left(&self) {
        let has_ended = matches!(self.socket.peek(&mut [0]), Ok(0));
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_ended || usage.requests == 0 {
            return;
        }
        let since = *usage.ended.get_or_insert_with(Instant::now);
        if since.max(usage.progress).elapsed() > HALF_CLOSED {
            self.is_left.send_replace(true);
        }
    }

    /// Has the client see that what it was sent is not everything.
    fn reset_when_closed(&self) {
        // Without it the connection ends as any other.
        let _ = set_socket_linger(&self.socket, Some(Duration::ZERO));
    }

    async fn left(self: Arc<Self>) {
        // The sender is part of what is held here.
        let _ = self.is_left.subscribe().wait_for(|is_left| *is_left).await;
    }

    /// Whether a request is being answered.
    pub(crate) fn is_busy(&self) -> bool {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).requests > 0
    }

    /// Whether the HTTP library gave a request up before its answer was known: what it was sent is no body.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    /// Takes note that some of an answer was sent, or that the client takes nothing for now.
    pub(crate) fn sent(&self, is_blocked: bool) {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_blocked {
            usage.progress = Instant::now();
        }
        usage.is_blocked = is_blocked;
    }

    /// Whether the client took nothing of an answer for so long.
    fn is_blocked_for(&self, time: Duration) -> bool {
        let usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.is_blocked && usage.progress.elapsed() > time
    }

    /// Whether nothing was asked for so long, nor anything taken of the last answer.
    fn is_idle_for(&self, time: Duration) -> bool {
        let usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.requests == 0 && usage.idle_since.max(usage.progress).elapsed() > time
    }
}

/// A request that is being answered on a connection.
#[derive(Debug)]
struct Busy {
    connection: Arc<Connection>,
    /// Whether its answer is not known yet, and its body comes in chunks: a broken one is all that the HTTP library gives up a
    /// request for whose client is there.
    awaits_chunks: bool,
}

impl Busy {
    fn on(connection: &Arc<Connection>, awaits_chunks: bool) -> Self {
        connection.usage.lock().unwrap_or_else(PoisonError::into_inner).requests += 1;
        Self { connection: Arc::clone(connection), awaits_chunks }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.awaits_chunks {
            self.connection.is_given_up.store(true, Ordering::Relaxed);
        }
        let mut usage = self.connection.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.requests -= 1;
        usage.idle_since = Instant::now();
    }
}

/// Whether a request only asks: who has left takes its query along. What changes something is done and answered all the same.
fn is_question(request: &ServiceRequest) -> bool {
    let path = request.path();
    match request.method().as_str() {
        "GET" | "HEAD" | "QUERY" => true,
        "POST" => path.ends_with("/query") || path.ends_with("/stream"),
        _ => false,
    }
}

/// Notes that the connection of a request is busy until the body of its answer has ended, and sees to what is left of the
/// body of the request by then.
///
/// A short rest is read, and the connection goes on. With a long one it is closed once the answer is sent: the HTTP library says
/// so in the answer, and goes on reading for a while, so that the client comes to read the answer.
pub(crate) async fn attend(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<Watched>, Error> {
    let busy = request.request().conn_data::<Arc<Connection>>();
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let mut busy = busy.map(|connection| Busy::on(connection, is_chunked));
    let asking = busy.as_ref().filter(|_| is_question(&request)).map(|busy| Arc::clone(&busy.connection));
    let is_old = request.version() == Version::HTTP_10;
    let payload = SharedPayload::lent_to(&mut request);
    let mut response = match asking.clone() {
        None => next.call(request).await?,
        Some(connection) => tokio::select! {
            response = next.call(request) => response?,
            () = connection.left() => return Err(Left.into()),
        },
    };
    let is_ended_by_closing = is_old && matches!(response.response().body().size(), BodySize::Stream);
    if is_ended_by_closing {
        // It ends with the connection: chunks came with HTTP/1.1.
        let head = response.response_mut().head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
    if let Some(payload) = &payload {
        payload.read_rest().await;
    }
    if let Some(busy) = &mut busy {
        busy.awaits_chunks = false;
    }
    let left = asking.map(|connection| Box::pin(connection.left()) as Pin<Box<dyn Future<Output = ()>>>);
    Ok(response.map_body(|_, body| Watched { body, busy, is_ended_by_closing, left, _payload: payload }))
}

/// The chunks of a request. The HTTP library reads what is left of them without end once nobody holds them any more, and answers
/// nothing else on the connection.
#[derive(Clone)]
struct SharedPayload(Rc<Chunks>);

struct Chunks {
    payload: RefCell<Payload>,
    /// Whether the client sends them once it is asked to, and was not asked yet.
    is_awaited: Cell<bool>,
}

impl SharedPayload {
    /// That of a request with a body whose rest may be worth reading: chunks always, since they are read without end otherwise.
    fn lent_to(request: &mut ServiceRequest) -> Option<Self> {
        let headers = request.headers();
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        if !headers.contains_key(TRANSFER_ENCODING) && !(1..=MAX_REST_BYTES).contains(&length) {
            return None;
        }
        let is_awaited = Cell::new(request.head().expect());
        let payload = RefCell::new(request.take_payload());
        let shared = Self(Rc::new(Chunks { payload, is_awaited }));
        let lent = shared.clone();
        let chunks = futures::stream::poll_fn(move |context| lent.poll(context));
        request.set_payload(Payload::from(Box::pin(chunks) as BoxedPayloadStream));
        Some(shared)
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, PayloadError>>> {
        self.0.is_awaited.set(false);
        Pin::new(&mut *self.0.payload.borrow_mut()).poll_next(context)
    }

    /// Reads what is left if that is short and comes soon.
    async fn read_rest(&self) {
        if self.0.is_awaited.get() {
            return;
        }
        let mut left = MAX_REST_BYTES;
        let read = async {
            while let Some(Ok(chunk)) = poll_fn(|context| self.poll(context)).await {
                left = match left.checked_sub(chunk.len()) {
                    Some(left) => left,
                    None => return,
                };
            }
        };
        // One that takes longer is no short rest.
        let _ = tokio::time::timeout(TIME_FOR_REST, read).await;
    }
}

/// A body whose connection is busy until it is dropped.
pub(crate) struct Watched {
    body: BoxBody,
    busy: Option<Busy>,
    /// The answer ends with its connection, so that one that breaks off has to break the connection.
    is_ended_by_closing: bool,
    /// Ready when the client has left, where that ends the answer.
    left: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Held until the answer has ended.
    _payload: Option<SharedPayload>,
}

impl MessageBody for Watched {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_next(context);
        if polled.is_pending() {
            let has_left = this.left.as_mut().is_some_and(|left| left.as_mut().poll(context).is_ready());
            return if has_left { Poll::Ready(Some(Err(Box::new(Left)))) } else { Poll::Pending };
        }
        let is_broken = this.is_ended_by_closing && matches!(polled, Poll::Ready(Some(Err(_))));
        if let Some(busy) = this.busy.as_ref().filter(|_| is_broken) {
            busy.connection.reset_when_closed();
        }
        polled
    }
}

/// Nobody waits for the answer any more, and nobody sees this.
#[derive(Debug)]
struct Left;

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has left")
    }
}

impl std::error::Error for Left {}

impl ResponseError for Left {}
