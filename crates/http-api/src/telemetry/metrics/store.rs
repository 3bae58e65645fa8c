//! Metrics of the store, which is asked whenever metrics are: it names and describes them itself.

use std::fmt;

use eider_application::QueryService;
use eider_application::ports::{Distribution, Metric, MetricUnit, MetricValue};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Asks the store when it is asked itself.
#[derive(Debug)]
pub(super) struct StoreCollector(QueryService);

impl StoreCollector {
    pub(super) fn new(query: QueryService) -> Self {
        Self(query)
    }
}

impl Collector for StoreCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.metrics().0.iter().try_for_each(|metric| encode(&mut encoder, metric))
    }
}

fn encode(encoder: &mut DescriptorEncoder<'_>, metric: &Metric) -> fmt::Result {
    let Some((_, first)) = metric.samples.first() else { return Ok(()) };
    let metric_type = match first {
        MetricValue::Gauge(_) | MetricValue::LastTime(_) => MetricType::Gauge,
        MetricValue::Counter(_) => MetricType::Counter,
        MetricValue::Histogram(_) => MetricType::Histogram,
    };
    let unit = metric.unit.map(|unit| match unit {
        MetricUnit::Seconds => Unit::Seconds,
        MetricUnit::Bytes => Unit::Bytes,
    });
    let mut family = encoder.encode_descriptor(metric.name, metric.help, unit.as_ref(), metric_type)?;
    let Some(label) = metric.label else { return encode_value(family, first) };
    metric
        .samples
        .iter()
        .try_for_each(|(of, value)| encode_value(family.encode_family(&[(label, of.as_str())])?, value))
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 bytes, records or connections")]
fn encode_value(encoder: MetricEncoder<'_>, value: &MetricValue) -> fmt::Result {
    match value {
        MetricValue::Gauge(value) => ConstGauge::new(*value as f64).encode(encoder),
        MetricValue::LastTime(seconds) => ConstGauge::new(*seconds).encode(encoder),
        MetricValue::Counter(value) => ConstCounter::new(*value).encode(encoder),
        MetricValue::Histogram(distribution) => encode_distribution(encoder, distribution),
    }
}

pub(super) fn encode_distribution(mut encoder: MetricEncoder<'_>, distribution: &Distribution) -> fmt::Result {
    encoder.encode_histogram::<NoLabelSet>(distribution.sum, distribution.count(), &distribution.buckets, None)
}
