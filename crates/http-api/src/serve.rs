//! The HTTP server: connections in, requests to the routes.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer as ActixServer, web};

use crate::settings::LiveSettings;
use crate::state::ApiState;
use crate::{HttpSettings, Services, memory, middleware, routes};

/// Unsent bytes of a response above which its body is asked for no more. A stream that breaks loses no more than
/// this of what it has already written.
const WRITE_BUFFER_BYTES: usize = 1024;

/// A server that is bound and not yet running.
pub struct HttpServer {
    address: SocketAddr,
    server: Server,
    handle: ServerHandle,
    settings: LiveSettings,
}

/// Stops a running [`HttpServer`] from elsewhere.
#[derive(Debug, Clone)]
pub struct Stopper(ServerHandle);

impl HttpServer {
    /// Serves the API on a bound listener. Must be called within a tokio runtime; takes no signals itself.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn new(listener: TcpListener, services: Services, settings: HttpSettings) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (workers, keep_alive) = (settings.workers, settings.keep_alive);
        let (header_timeout, grace) = (settings.header_timeout, settings.shutdown_grace);
        let settings = LiveSettings::new(settings);
        let state = web::Data::new(ApiState::new(services, settings.clone()));
        let server = ActixServer::new(move || {
            App::new()
                .app_data(state.clone())
                .wrap(from_fn(memory::protect))
                .wrap(from_fn(middleware::observe))
                .configure(routes::configure)
        })
        .workers(workers)
        .keep_alive(keep_alive)
        .client_request_timeout(header_timeout)
        .shutdown_timeout(grace.as_secs())
        .tcp_nodelay(true)
        .h1_write_buffer_size(WRITE_BUFFER_BYTES)
        // A client that closes its side has left: its query ends at once, not at the next write.
        .h1_allow_half_closed(false)
        .disable_signals()
        .listen(listener)?
        .run();
        Ok(Self { address, handle: server.handle(), server, settings })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its settings, to be replaced while it runs.
    pub fn settings(&self) -> LiveSettings {
        self.settings.clone()
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.handle.clone())
    }

    /// Serves until it is stopped and every connection is done or out of time.
    ///
    /// # Errors
    /// When a worker thread cannot be started.
    pub async fn run(self) -> io::Result<()> {
        self.server.await
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Stopper {
    /// Accepts nothing more, lets running requests end within the grace period, then ends the server.
    pub async fn stop(&self) {
        self.0.stop(true).await;
    }
}
