//! Logs on standard error, for people on a terminal and bunyan's JSON otherwise; spans to a collector.

mod settings;
mod traces;

use std::io::{IsTerminal, stderr};
use std::panic::{self, PanicHookInfo};

use anyhow::{Context, Result, ensure};
use eider_http_api::DroppedLines;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_bunyan_formatter::{BunyanFormattingLayer, JsonStorageLayer};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

pub(crate) use self::settings::{LogFormat, TelemetrySettings};
pub(crate) use self::traces::is_traced;

/// What every target of this program begins with.
const TARGETS: &str = "eider";

/// Lines of the log that wait to be read; more are dropped.
const WAITING_LINES: usize = 8_192;
/// The target of the library that reads and writes connections.
const HTTP_LIBRARY: &str = "actix_http";
/// Fields of spans that are for traces alone.
const TRACE_FIELDS: [&str; 2] = ["otel.kind", "otel.status_code"];

/// What is still to be sent when the program ends.
#[must_use]
pub(crate) struct Telemetry {
    provider: Option<SdkTracerProvider>,
    filter: LogFilter,
    /// Writes what waits when it is dropped, for a second at most.
    _writer: WorkerGuard,
    dropped: ErrorCounter,
}

/// Which events are logged, to be replaced while the program runs.
#[derive(Debug, Clone)]
pub(crate) struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// # Errors
    /// When the text is not a list of targets and levels; the filter stays as it was.
    pub(crate) fn set(&self, text: &str) -> Result<()> {
        check_filter(text)?;
        self.0.reload(parse_filter(text)?).context("nothing is logged any more")
    }
}

/// Whether a text can be `log.filter`. A word alone would be the name of a target, and `warning` hides everything then.
///
/// # Errors
/// Says which part is no level.
pub(crate) fn check_filter(text: &str) -> Result<()> {
    parse_filter(text)?;
    for part in text.split(',').map(str::trim).filter(|part| !part.contains(['=', '['])) {
        ensure!(
            part.parse::<LevelFilter>().is_ok() && !part.is_empty(),
            "`log.filter`: `{part}` is no level; those are error, warn, info, debug, trace and off, for a target `target=debug`"
        );
    }
    Ok(())
}

fn parse_filter(text: &str) -> Result<EnvFilter> {
    // What clients do to their connections is no error of the server; who wants to see it names the target.
    // And each step of the library that has the indexes is no news.
    let quiet = [(HTTP_LIBRARY, "off"), ("fjall", "warn"), ("lsm_tree", "warn")];
    let quiet = quiet.into_iter().filter(|(target, _)| !text.contains(target));
    let directives = quiet.fold(text.to_owned(), |all, (target, level)| format!("{all},{target}={level}"));
    EnvFilter::try_new(directives)
        .with_context(|| format!("`log.filter` is not a list of targets and levels: {text:?}"))
}

impl Telemetry {
    pub(crate) fn log_filter(&self) -> LogFilter {
        self.filter.clone()
    }

    /// How many lines were dropped because nobody read the log.
    pub(crate) fn dropped_lines(&self) -> DroppedLines {
        let dropped = self.dropped.clone();
        DroppedLines::new(move || dropped.dropped_lines() as u64)
    }

    /// Sends what waits, for some seconds at most. Blocks, so not to be called from the runtime.
    pub(crate) fn close(self) {
        if let Some(provider) = self.provider {
            traces::close(&provider);
        }
    }
}

/// Begins to log, and to trace where that is wanted. Called once, and not from the runtime.
///
/// # Errors
/// When the filter cannot be parsed, the collector's address cannot be used, or something logs already.
pub(crate) fn init(settings: &TelemetrySettings) -> Result<Telemetry> {
    // A reader of the log that stalls holds up a thread of its own, and no request.
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES).finish(stderr());
    let dropped = writer.error_counter();
    let (filter, handle) = reload::Layer::new(parse_filter(&settings.filter)?);
    let provider = traces::provider(settings)?;
    tracing_log::LogTracer::init().context("something logs already")?;
    let registry = Registry::default();
    match &provider {
        // One filter for all is cheaper than one for each.
        None => tracing::subscriber::set_global_default(registry.with(filter).with(lines(settings.format, writer)?)),
        Some(provider) => {
            let spans = tracing_opentelemetry::layer()
                .with_tracer(provider.tracer(TARGETS))
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_filter(Targets::new().with_target(TARGETS, LevelFilter::DEBUG));
            tracing::subscriber::set_global_default(
                registry.with(lines(settings.format, writer)?.with_filter(filter)).with(spans),
            )
        }
    }
    .context("something logs already")?;
    panic::set_hook(Box::new(log_panic));
    Ok(Telemetry { provider, filter: LogFilter(handle), _writer: guard, dropped })
}

/// Logs a panic as any other event.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("it has no message");
    let place = panic.location().map(ToString::to_string);
    tracing::error!(panic.message = message, panic.location = place, "a thread panicked");
}

/// What writes the log.
fn lines<S>(format: LogFormat, writer: NonBlocking) -> Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let is_text = match format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if is_text {
        return Ok(fmt::layer().with_writer(writer).with_target(false).boxed());
    }
    let layer = BunyanFormattingLayer::new("eider".to_owned(), writer);
    let layer = layer.skip_fields(TRACE_FIELDS.into_iter()).context("a field of the log cannot be left out")?;
    Ok(JsonStorageLayer.and_then(EventsOnly(layer)).boxed())
}

/// Hands on events, which have the fields of their spans, and not that spans begin and end: that would be three lines
/// for each request instead of one.
struct EventsOnly<L>(L);

impl<S: Subscriber, L: Layer<S>> Layer<S> for EventsOnly<L> {
    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        self.0.on_event(event, context);
    }
}
