//! The HTTP server: connections in, requests to the routes.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, HttpServer as ActixServer, web};
use futures::future::OptionFuture;

use crate::connections::Connections;
use crate::settings::LiveSettings;
use crate::state::ApiState;
use crate::tls::Certificates;
use crate::{HttpSettings, Services, access, connections, head, headers, long_text, memory, middleware, routes};

/// Unsent bytes of a response above which its body is asked for no more. A stream that breaks loses no more than
/// this of what it has already written.
const WRITE_BUFFER_BYTES: usize = 1024;
/// How long what a client goes on sending is read and thrown away, once it was answered and before its connection is closed.
const LINGER: Duration = Duration::from_secs(3);
/// How often clients that are idle are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// A server that is bound and not yet running.
pub struct HttpServer {
    address: SocketAddr,
    server: Server,
    handle: ServerHandle,
    settings: LiveSettings,
    state: web::Data<ApiState>,
    certificates: Option<Certificates>,
    connections: Connections,
}

/// Stops a running [`HttpServer`] from elsewhere.
#[derive(Debug, Clone)]
pub struct Stopper(ServerHandle);

impl HttpServer {
    /// Serves the API on a bound listener. Must be called within a tokio runtime; takes no signals itself.
    ///
    /// # Errors
    /// When the listener or the certificate cannot be used, or a setting has a value that it cannot have.
    pub fn new(listener: TcpListener, services: Services, settings: HttpSettings) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (workers, keep_alive) = (settings.workers, settings.keep_alive);
        let (header_timeout, grace) = (settings.header_timeout, settings.shutdown_grace);
        let max_connections = settings.max_connections.div_ceil(workers).max(1);
        let certificates = settings.tls.clone().map(Certificates::load).transpose()?;
        let connections = Connections::new(keep_alive + header_timeout);
        let accepted = connections.clone();
        let origins = settings.cors_origins.clone();
        headers::check_origins(&origins)?;
        let live = LiveSettings::new(settings);
        let state = web::Data::new(ApiState::new(services, live.clone()));
        let data = state.clone();
        let server = ActixServer::new(move || {
            App::new()
                .app_data(data.clone())
                .wrap(from_fn(long_text::compress))
                .wrap(from_fn(head::answer))
                .wrap(from_fn(access::admit))
                .wrap(from_fn(memory::protect))
                .wrap(Condition::new(!origins.is_empty(), headers::cors(&origins)))
                .wrap(from_fn(headers::harden))
                .wrap(from_fn(middleware::observe))
                .wrap(from_fn(connections::attend))
                .configure(routes::configure)
        })
        .workers(workers)
        .max_connections(max_connections)
        .on_connect(move |io, extensions| accepted.register(io, extensions))
        .keep_alive(keep_alive)
        .client_request_timeout(header_timeout)
        .client_disconnect_timeout(LINGER)
        .shutdown_timeout(grace.as_secs())
        .tcp_nodelay(true)
        .h1_write_buffer_size(WRITE_BUFFER_BYTES)
        // A client that closes its side may wait for its answer; see `connections`.
        .h1_allow_half_closed(true)
        .disable_signals();
        let server = match &certificates {
            None => server.listen(listener)?,
            Some(certificates) => server.listen_rustls_0_23(listener, certificates.server_config()?)?,
        };
        let server = server.run();
        Ok(Self { address, handle: server.handle(), server, settings: live, state, certificates, connections })
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
        let upkeep = async {
            let certificates = OptionFuture::from(self.certificates.map(Certificates::follow));
            tokio::join!(sweep(&self.state), self.connections.follow(), certificates).0
        };
        tokio::select! {
            result = self.server => result,
            never = upkeep => match never {},
        }
    }
}

/// Forgets clients that are idle, now and then.
async fn sweep(state: &ApiState) -> Infallible {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        state.throttle.sweep();
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
