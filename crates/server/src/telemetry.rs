//! Logs on standard error, for people on a terminal and bunyan's JSON otherwise; spans to a collector.

mod traces;

use std::io::{IsTerminal, stderr};

use anyhow::{Context, Result};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Event, Subscriber};
use tracing_bunyan_formatter::{BunyanFormattingLayer, JsonStorageLayer};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

pub(crate) use self::traces::is_traced;
use crate::settings::{Log, LogFormat, Settings};

/// What every target of this program begins with.
const TARGETS: &str = "eider";

/// Fields of spans that are for traces alone.
const TRACE_FIELDS: [&str; 2] = ["otel.kind", "otel.status_code"];

/// What is still to be sent when the program ends.
#[must_use]
pub(crate) struct Telemetry {
    provider: Option<SdkTracerProvider>,
    filter: LogFilter,
}

/// Which events are logged, to be replaced while the program runs.
#[derive(Debug, Clone)]
pub(crate) struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// # Errors
    /// When the text is not a list of targets and levels; the filter stays as it was.
    pub(crate) fn set(&self, text: &str) -> Result<()> {
        self.0.reload(parse_filter(text)?).context("nothing is logged any more")
    }
}

fn parse_filter(text: &str) -> Result<EnvFilter> {
    EnvFilter::try_new(text).with_context(|| format!("`log.filter` is not a list of targets and levels: {text:?}"))
}

impl Telemetry {
    pub(crate) fn log_filter(&self) -> LogFilter {
        self.filter.clone()
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
pub(crate) fn init(settings: &Settings) -> Result<Telemetry> {
    let log = &settings.log;
    let (filter, handle) = reload::Layer::new(parse_filter(&log.filter)?);
    let provider = traces::provider(&settings.telemetry)?;
    tracing_log::LogTracer::init().context("something logs already")?;
    let registry = Registry::default();
    match &provider {
        // One filter for all is cheaper than one for each.
        None => tracing::subscriber::set_global_default(registry.with(filter).with(lines(log)?)),
        Some(provider) => {
            let spans = tracing_opentelemetry::layer()
                .with_tracer(provider.tracer(TARGETS))
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_filter(Targets::new().with_target(TARGETS, LevelFilter::DEBUG));
            tracing::subscriber::set_global_default(registry.with(lines(log)?.with_filter(filter)).with(spans))
        }
    }
    .context("something logs already")?;
    Ok(Telemetry { provider, filter: LogFilter(handle) })
}

/// What writes the log.
fn lines<S>(log: &Log) -> Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let is_text = match log.format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if is_text {
        return Ok(fmt::layer().with_writer(stderr).with_target(false).boxed());
    }
    let layer = BunyanFormattingLayer::new("eider".to_owned(), stderr);
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
