//! Connections that ask nothing for too long, however much they send.
//!
//! The HTTP library bounds the time of a connection's first head, and the time between an answer and the first byte behind
//! it. A head that trickles in behind that byte has no bound there, and here it has.

use std::any::Any;
use std::net::{Shutdown, TcpStream as Socket};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream;
use actix_web::{Error, web};

/// The connections that are open. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    open: Arc<Mutex<Vec<Weak<Connection>>>>,
    /// How long a connection may be without a request that is being answered.
    patience: Duration,
}

/// A connection, as long as the HTTP library has it.
#[derive(Debug)]
struct Connection {
    socket: Socket,
    usage: Mutex<Usage>,
}

#[derive(Debug)]
struct Usage {
    requests: usize,
    idle_since: Instant,
}

impl Connections {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { open: Arc::default(), patience }
    }

    /// Watches a connection that was accepted.
    pub(crate) fn register(&self, io: &dyn Any, extensions: &mut Extensions) {
        let encrypted = || io.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
        let Some(stream) = io.downcast_ref::<TcpStream>().or_else(encrypted) else { return };
        // Without another handle it is not watched: the process has no file descriptors left.
        let Ok(handle) = stream.as_fd().try_clone_to_owned() else { return };
        let usage = Mutex::new(Usage { requests: 0, idle_since: Instant::now() });
        let connection = Arc::new(Connection { socket: Socket::from(handle), usage });
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&connection));
        extensions.insert(connection);
    }

    /// Closes connections that have been idle for too long.
    fn close_idle(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| match connection.upgrade() {
            None => false,
            Some(connection) if connection.is_idle_for(self.patience) => {
                // It may be closed already.
                let _ = connection.socket.shutdown(Shutdown::Both);
                false
            }
            Some(_) => true,
        });
    }

    /// Closes connections that have been idle for too long, now and then; never ends.
    pub(crate) async fn follow(self) {
        let mut ticks =
            tokio::time::interval((self.patience / 4).clamp(Duration::from_millis(10), Duration::from_secs(1)));
        loop {
            ticks.tick().await;
            self.close_idle();
        }
    }
}

impl Connection {
    fn is_idle_for(&self, time: Duration) -> bool {
        let usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.requests == 0 && usage.idle_since.elapsed() > time
    }
}

/// A request that is being answered on a connection.
#[derive(Debug)]
struct Busy(Arc<Connection>);

impl Busy {
    fn on(connection: &Arc<Connection>) -> Self {
        connection.usage.lock().unwrap_or_else(PoisonError::into_inner).requests += 1;
        Self(Arc::clone(connection))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut usage = self.0.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.requests -= 1;
        usage.idle_since = Instant::now();
    }
}

/// Notes that the connection of a request is busy until the body of its answer has ended.
pub(crate) async fn watch(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<Watched>, Error> {
    let busy = request.request().conn_data::<Arc<Connection>>().map(Busy::on);
    Ok(next.call(request).await?.map_body(|_, body| Watched { body, _busy: busy }))
}

/// A body whose connection is busy until it is dropped.
pub(crate) struct Watched {
    body: BoxBody,
    _busy: Option<Busy>,
}

impl MessageBody for Watched {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}
