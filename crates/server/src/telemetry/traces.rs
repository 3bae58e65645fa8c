//! Spans on their way to a collector: OTLP over HTTP, by a thread of their own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter, WithExportConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData};

use super::TelemetrySettings;

/// Where a collector takes spans, below its address.
const TRACES_PATH: &str = "/v1/traces";

/// How long a collector may take for a batch, and the last ones when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether somebody said where spans go.
pub(crate) fn is_traced(settings: &TelemetrySettings) -> bool {
    let of_environment = [OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT];
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|endpoint| !endpoint.is_empty());
    !settings.otlp_endpoint.is_empty() || of_environment.into_iter().any(is_set)
}

/// What takes spans and sends them; `None` where nobody said where to.
///
/// Spans wait in a queue of limited length, and are dropped when it is full: nothing waits for the collector.
///
/// # Errors
/// When the address cannot be used.
pub(super) fn provider(settings: &TelemetrySettings) -> Result<Option<SdkTracerProvider>> {
    if !is_traced(settings) {
        return Ok(None);
    }
    ensure!((0.0..=1.0).contains(&settings.sample_ratio), "`telemetry.sample_ratio` is a number from 0 to 1");
    let mut exporter = SpanExporter::builder().with_http().with_timeout(PATIENCE);
    if !settings.otlp_endpoint.is_empty() {
        ensure!(settings.otlp_endpoint.starts_with("http://"), "`telemetry.otlp_endpoint` begins with http://");
        let base = settings.otlp_endpoint.trim_end_matches('/').trim_end_matches(TRACES_PATH);
        exporter = exporter.with_endpoint(format!("{base}{TRACES_PATH}"));
    }
    let exporter = exporter.build().context("traces cannot be sent to `telemetry.otlp_endpoint`")?;
    let exporter = TellingExporter { exporter, is_failing: AtomicBool::new(false) };
    let resource = Resource::builder().with_service_name(settings.service_name.clone());
    let resource = resource.with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
    let provider = SdkTracerProvider::builder();
    Ok(Some(provider.with_resource(resource.build()).with_sampler(sampler).with_batch_exporter(exporter).build()))
}

/// Sends what waits, for no longer than [`PATIENCE`]. Blocks.
pub(super) fn close(provider: &SdkTracerProvider) {
    if let Err(error) = provider.shutdown_with_timeout(PATIENCE) {
        tracing::warn!(%error, "the last traces were not sent");
    }
}

/// Tells the log once that spans cannot be sent, and once that they can again.
#[derive(Debug)]
struct TellingExporter {
    exporter: SpanExporter,
    is_failing: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for TellingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.exporter.export(batch).await;
        let was_failing = self.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !was_failing => tracing::warn!(%error, "traces cannot be sent; they are lost meanwhile"),
            Ok(()) if was_failing => tracing::info!("traces are sent again"),
            _ => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
