//! `eider serve`: a server from its start to its end, and the signals that it follows.

use std::pin::Pin;

use anyhow::{Context, Result, bail};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::settings::{Settings, Sources};
use crate::telemetry::Telemetry;
use crate::wiring::Server;

/// What the process is told from outside.
pub(crate) struct Signals {
    hangup: Signal,
    stop: Pin<Box<dyn Future<Output = ()>>>,
}

impl Signals {
    /// Listens from now on; until then any of them ends the process. Must be called within a tokio runtime.
    pub(crate) fn listen() -> Result<Self> {
        let hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        Ok(Self { hangup, stop: Box::pin(stop_signal()?) })
    }
}

/// Serves until SIGTERM or SIGINT; SIGHUP reads the settings again.
pub(crate) async fn serve(
    settings: Settings,
    sources: Sources,
    telemetry: &Telemetry,
    Signals { mut hangup, mut stop }: Signals,
) -> Result<()> {
    let server = tokio::select! {
        server = Server::open(&settings, telemetry.dropped_lines()) => server?,
        () = &mut stop => return Ok(()),
    };
    let log = telemetry.log_filter();
    let stopper = server.stopper();
    let mut reloader = server.reloader(sources, settings, log);
    let mut engine_stopped = Box::pin(server.engine_stopped());
    let mut running = Box::pin(server.run());
    notify(&[NotifyState::Ready]);
    loop {
        tokio::select! {
            result = &mut running => return result,
            () = &mut stop => break,
            // Nothing that was acknowledged is lost: the next start reads the log. A supervisor makes it.
            () = &mut engine_stopped => bail!("the engine stopped after a fatal error; start the server again"),
            _ = hangup.recv() => reloader.reload(),
        }
    }
    notify(&[NotifyState::Stopping]);
    tracing::info!("stopping: no new connections, running requests may end");
    let (result, ()) = tokio::join!(running, stopper.stop());
    result
}

/// Tells the supervisor that started the process, if it wants to know.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(error.message = %error, "the supervisor was not told");
    }
}

/// Ends when the process is asked to stop.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
