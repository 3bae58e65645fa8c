//! The HTTP server: connections in, requests to the routes.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol, Request};
use actix_server::{GracefulShutdownSignal, Server, ServerHandle};
use actix_service::boxed::{self, BoxServiceFactory};
use actix_service::{Service, ServiceFactory, ServiceFactoryExt, fn_factory, fn_service, map_config};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, Error, web};
use futures::future::OptionFuture;
use rustls::ServerConfig;

use super::expect::{Application, Expect, Resumed};
use super::unreadable::{Guarded, Io, LINGER, Unreadable};
use super::{admit, head, headers, long_text, observe, protect};
use crate::settings::LiveSettings;
use crate::state::ApiState;
use crate::transport::connections::{self, Connections, Watched};
use crate::transport::tls::Certificates;
use crate::{HttpSettings, Services, api};

/// Unsent bytes of a response above which its body is asked for no more. A stream that breaks loses no more than
/// this of what it has already written.
const WRITE_BUFFER_BYTES: usize = 1024;
/// How often clients that are idle are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// What is spoken over TLS, as clients ask for it.
const HTTP_1: &[u8] = b"http/1.1";
/// What the library calls the service of the listener.
const NAME: &str = "api";

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
        let cores = || std::thread::available_parallelism().map_or(2, NonZero::get);
        let workers = settings.workers.unwrap_or_else(cores).max(1);
        let keep_alive = settings.keep_alive;
        let (header_timeout, grace) = (settings.header_timeout, settings.shutdown_grace);
        let max_connections = settings.max_connections.div_ceil(workers).max(1);
        let certificates = settings.tls.clone().map(Certificates::load).transpose()?;
        let connections = Connections::new(keep_alive + header_timeout);
        let origins = settings.cors_origins.clone();
        headers::check_origins(&origins)?;
        let live = LiveSettings::new(settings);
        let state = web::Data::new(ApiState::new(services, live.clone()));
        let builder = Server::build()
            .workers(workers)
            .max_concurrent_connections(max_connections)
            .shutdown_timeout(grace.as_secs())
            .disable_signals();
        let front = Front {
            state: state.clone(),
            origins,
            connections: connections.clone(),
            keep_alive,
            header_timeout,
            stopping: builder.graceful_shutdown_signal(),
        };
        let server = match &certificates {
            None => builder.listen(NAME, listener, move || front.plain())?,
            Some(certificates) => {
                let config = certificates.server_config()?;
                builder.listen(NAME, listener, move || front.encrypted(config.clone()))?
            }
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
        let settings = self.settings;
        let upkeep = async {
            let certificates = OptionFuture::from(self.certificates.map(Certificates::follow));
            tokio::join!(
                sweep(&self.state),
                self.connections.follow(move || settings.current().stream_idle),
                certificates
            )
            .0
        };
        tokio::select! {
            result = self.server => result,
            never = upkeep => match never {},
        }
    }
}

/// Makes, for each worker, what answers its connections. In place of the library's own `HttpServer`, which lets nothing of
/// this be put between a socket and an application: [`Guarded`] sockets, and [`Expect`].
#[derive(Clone)]
struct Front {
    state: web::Data<ApiState>,
    origins: Vec<String>,
    connections: Connections,
    keep_alive: Duration,
    header_timeout: Duration,
    stopping: GracefulShutdownSignal,
}

impl Front {
    fn plain(
        &self,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<> {
        let (connections, shared) = (self.connections.clone(), Unreadable::new(self.state.clone()));
        let guard = move |io: TcpStream| {
            let (peer, connection) = (prepare(&io), connections.register(&io));
            ready(Ok::<_, DispatchError>((Guarded::new(io, connection, shared.clone()), Protocol::Http1, peer)))
        };
        fn_service(guard).and_then(self.http())
    }

    fn encrypted(
        &self,
        mut config: ServerConfig,
    ) -> impl ServiceFactory<
        TcpStream,
        Config = (),
        Response = (),
        Error = TlsError<io::Error, DispatchError>,
        InitError = (),
    > + use<> {
        let (connections, shared) = (self.connections.clone(), Unreadable::new(self.state.clone()));
        let guard = move |io: TlsStream<TcpStream>| {
            let socket = io.get_ref().0;
            let (peer, connection) = (prepare(socket), connections.register(socket));
            ready(Ok((Guarded::new(io, connection, shared.clone()), Protocol::Http1, peer)))
        };
        config.alpn_protocols = vec![HTTP_1.to_vec()];
        Acceptor::new(config)
            .map_init_err(|()| ())
            .map_err(TlsError::into_service_error)
            .and_then(guard)
            .and_then(self.http().map_err(TlsError::Service))
    }

    /// What reads requests from a connection, and writes their answers.
    fn http<T: Io>(
        &self,
    ) -> impl ServiceFactory<
        (Guarded<T>, Protocol, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > + use<T> {
        let stopping = self.stopping.clone();
        HttpService::build()
            // Connections that wait for their next request are closed when the server stops.
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(self.keep_alive)
            .client_request_timeout(self.header_timeout)
            .client_disconnect_timeout(LINGER)
            .h1_write_buffer_size(WRITE_BUFFER_BYTES)
            // A client that closes its side may wait for its answer; see `connections`.
            .h1_allow_half_closed(true)
            .on_connect_ext(|io: &Guarded<T>, extensions| {
                if let Some(connection) = io.connection() {
                    extensions.insert(Arc::clone(connection));
                }
            })
            .expect(wrapped(self.application(), Expect))
            .finish(wrapped(self.application(), Resumed))
    }

    fn application(&self) -> BoxServiceFactory<(), Request, ServiceResponse<Watched>, Error, ()> {
        let app = App::new()
            .app_data(self.state.clone())
            .wrap(from_fn(long_text::compress))
            .wrap(from_fn(head::answer))
            .wrap(from_fn(admit::admit))
            .wrap(from_fn(protect::protect))
            .wrap(Condition::new(!self.origins.is_empty(), headers::cors(&self.origins)))
            .wrap(from_fn(headers::harden))
            .wrap(from_fn(observe::observe))
            .wrap(from_fn(connections::attend))
            .configure(api::configure);
        // No URL is made of the host that it names.
        boxed::factory(map_config(app, |()| AppConfig::default()))
    }
}

/// Makes services of an application, each of an instance of its own.
fn wrapped<S: Service<Request>>(
    application: BoxServiceFactory<(), Request, ServiceResponse<Watched>, Error, ()>,
    wrap: fn(Application) -> S,
) -> impl ServiceFactory<Request, Config = (), Response = S::Response, Error = S::Error, Service = S, InitError = ()> {
    let application = Rc::new(application);
    fn_factory(move || {
        let application = Rc::clone(&application);
        async move { application.new_service(()).await.map(wrap) }
    })
}

/// Has small answers sent at once, and finds out who asks.
fn prepare(socket: &TcpStream) -> Option<SocketAddr> {
    // Without it answers are sent somewhat later.
    let _ = socket.set_nodelay(true);
    socket.peer_addr().ok()
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
