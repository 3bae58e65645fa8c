//! Figures for Prometheus.

mod store;

use std::fmt;

use eider_application::QueryService;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabel, EncodeLabelSet, EncodeMetric, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use crate::answers::Answers;
use store::StoreCollector;

/// What stands in front of every name.
const PREFIX: &str = "eider";

/// Everything that `/metrics` tells.
pub(crate) fn registry(query: &QueryService, answers: &Answers, streams: &StreamMetrics) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(StoreCollector::new(query.clone())));
    registry.register("answer_cache_hits", "Pages and counts answered without a query", answers.hits.clone());
    registry.register("answer_cache_misses", "Pages and counts that no kept answer was for", answers.misses.clone());
    registry.register_collector(Box::new(AnswerCollector(answers.clone())));
    registry.register("streams_running", "Streams that are being sent", streams.running.clone());
    registry.register("streams_ended", "Streams that were begun and have ended, by outcome", streams.ended.clone());
    registry
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
struct AnswerCollector(Answers);

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
