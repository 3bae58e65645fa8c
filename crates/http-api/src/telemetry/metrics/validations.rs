//! Metrics of validations, which are counted whenever metrics are asked for.

use std::fmt;

use eider_application::ValidationService;
use eider_application::quality::ValidationStatistics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use super::store::encode_distribution;

/// Asks for the statistics whenever it is encoded.
#[derive(Debug)]
pub(super) struct ValidationCollector(pub(super) ValidationService);

impl Collector for ValidationCollector {
    #[expect(clippy::cast_precision_loss, reason = "nobody runs 2^53 validations")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let ValidationStatistics { running, done, failed, cancelled, seconds } = self.0.statistics();
        super::gauge(&mut encoder, "validations_running", "Validations that run", None, running as f64)?;
        let help = "Validations that have ended, by outcome";
        let mut family = encoder.encode_descriptor("validations_ended", help, None, MetricType::Counter)?;
        for (outcome, count) in [("done", done), ("failed", failed), ("cancelled", cancelled)] {
            ConstCounter::new(count).encode(family.encode_family(&[("outcome", outcome)])?)?;
        }
        let help = "How long validations took";
        let unit = Some(&Unit::Seconds);
        let histogram = encoder.encode_descriptor("validation_duration", help, unit, MetricType::Histogram)?;
        encode_distribution(histogram, &seconds)
    }
}
