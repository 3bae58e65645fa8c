//! Logs on standard error: for people on a terminal, bunyan's JSON otherwise.

use std::io::{IsTerminal, stderr};

use anyhow::{Context, Result};
use tracing::{Event, Subscriber};
use tracing_bunyan_formatter::{BunyanFormattingLayer, JsonStorageLayer};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::settings::{Log, LogFormat};

/// Begins to log. Called once.
///
/// # Errors
/// When the filter cannot be parsed, or something logs already.
pub(crate) fn init(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&log.filter)
        .with_context(|| format!("`log.filter` is not a list of targets and levels: {:?}", log.filter))?;
    tracing_log::LogTracer::init().context("something logs already")?;
    let is_text = match log.format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let registry = Registry::default().with(filter);
    let installed = if is_text {
        tracing::subscriber::set_global_default(registry.with(fmt::layer().with_writer(stderr).with_target(false)))
    } else {
        let layer = BunyanFormattingLayer::new("eider".to_owned(), stderr);
        tracing::subscriber::set_global_default(registry.with(JsonStorageLayer).with(EventsOnly(layer)))
    };
    installed.context("something logs already")
}

/// Hands on events, which have the fields of their spans, and not that spans begin and end: that would be three lines
/// for each request instead of one.
struct EventsOnly<L>(L);

impl<S: Subscriber, L: Layer<S>> Layer<S> for EventsOnly<L> {
    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        self.0.on_event(event, context);
    }
}
