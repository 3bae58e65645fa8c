//! Metrics for Prometheus.

mod memory;
mod process;
mod records;
mod requests;
mod store;
pub(crate) mod text_format;
mod validations;

use std::fmt;

use eider_application::runtime::MemoryGuard;
use eider_application::{QueryService, ValidationService};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabel, EncodeLabelSet, EncodeMetric, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use self::memory::MemoryCollector;
use self::process::ProcessCollector;
pub(crate) use self::records::{RecordMetrics, Sent};
pub(crate) use self::requests::{Endpoint, RequestMetrics};
use self::store::StoreCollector;
use self::validations::ValidationCollector;
use crate::DroppedLines;
use crate::limits::admission::Admission;
use crate::response::cache::ResponseCache;

/// What stands in front of every name.
const PREFIX: &str = "eider";

/// What is counted where it happens.
pub(crate) struct Sources<'s> {
    pub(crate) query: &'s QueryService,
    pub(crate) memory: &'s MemoryGuard,
    pub(crate) validations: &'s ValidationService,
    pub(crate) answers: &'s ResponseCache,
    pub(crate) requests: &'s RequestMetrics,
    pub(crate) records: &'s RecordMetrics,
    pub(crate) stream_metrics: &'s StreamMetrics,
    pub(crate) bulk_calls: &'s Admission,
    pub(crate) streams: &'s Admission,
    pub(crate) dropped_lines: &'s DroppedLines,
}

/// Everything that `/metrics` tells.
pub(crate) fn registry(sources: &Sources<'_>) -> Registry {
    let mut all = Registry::default();
    all.register_collector(Box::new(ProcessCollector(sources.dropped_lines.clone())));
    let registry = all.sub_registry_with_prefix(PREFIX);
    let Sources { query, answers, requests, records, stream_metrics: streams, .. } = *sources;
    registry.register_collector(Box::new(StoreCollector::new(query.clone())));
    registry.register_collector(Box::new(MemoryCollector(sources.memory.clone())));
    registry.register_collector(Box::new(ValidationCollector(sources.validations.clone())));
    registry.register("answer_cache_hits", "Pages and counts answered without a query", answers.hits.clone());
    registry.register("answer_cache_misses", "Pages and counts that no kept answer was for", answers.misses.clone());
    registry.register_collector(Box::new(AnswerCollector(answers.clone())));
    registry.register("streams_running", "Streams that are being sent", streams.running.clone());
    registry.register("streams_ended", "Streams that were begun and have ended, by outcome", streams.ended.clone());
    let waiting = sources.streams.waiting().clone();
    registry.register("streams_waiting", "Streams that wait for a place", waiting);
    let waiting = sources.bulk_calls.waiting().clone();
    registry.register("bulk_calls_waiting", "Bulk calls that wait for a place", waiting);
    let running = sources.bulk_calls.running().clone();
    registry.register("bulk_calls_running", "Bulk calls that have a place", running);
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "What this is", build);
    requests.register(registry);
    records.register(registry);
    all
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// With everything sent.
    Completed,
    /// Its client was gone.
    ClientLeft,
    /// Its client took nothing for too long.
    Idle,
    /// The records or their encoding failed.
    Failed,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Completed, Self::ClientLeft, Self::Idle, Self::Failed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::ClientLeft => "client_left",
            Self::Idle => "idle",
            Self::Failed => "failed",
        }
    }
}

impl EncodeLabelSet for Outcome {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("outcome", self.name()).encode(encoder.encode_label())
    }
}

/// Counts streams from their first record on. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct StreamMetrics {
    running: Gauge,
    ended: Family<Outcome, Counter>,
}

impl StreamMetrics {
    pub(crate) fn begins(&self) {
        self.running.inc();
    }

    pub(crate) fn ends(&self, outcome: Outcome) {
        self.running.dec();
        self.ended.get_or_create(&outcome).inc();
    }
}

impl Default for StreamMetrics {
    fn default() -> Self {
        let ended = Family::default();
        // An outcome that did not come yet is 0, not missing.
        for outcome in Outcome::ALL {
            drop(ended.get_or_create(&outcome));
        }
        Self { running: Gauge::default(), ended }
    }
}

/// Counts the answers that are kept when it is asked.
#[derive(Debug)]
struct AnswerCollector(ResponseCache);

impl Collector for AnswerCollector {
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 bytes of memory")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (entries, bytes) = self.0.kept();
        gauge(&mut encoder, "answer_cache_entries", "Pages and counts that are kept", None, entries as f64)?;
        gauge(
            &mut encoder,
            "answer_cache",
            "Memory of the pages and counts that are kept",
            Some(&Unit::Bytes),
            bytes as f64,
        )
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, unit: Option<&Unit>, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
}
