//! Memory and how short it is.

use std::fmt;

use eider_application::runtime::MemoryGuard;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use super::gauge;

/// Asks the guard when it is asked itself.
#[derive(Debug)]
pub(super) struct MemoryCollector(pub(super) MemoryGuard);

impl Collector for MemoryCollector {
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 bytes of memory")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let statistics = self.0.statistics();
        let mut gauge =
            |name: &str, help: &str, unit: Option<&Unit>, value: f64| gauge(&mut encoder, name, help, unit, value);
        let help = "How short memory is: 0 normal, 1 heavy requests are refused, 2 all but health and metrics are";
        gauge("memory_guard_state", help, None, f64::from(statistics.pressure as u8))?;
        let bytes = Some(&Unit::Bytes);
        gauge("memory_reserved", "Memory reserved for running requests", bytes, statistics.reserved_bytes as f64)?;
        if let Some(reading) = statistics.reading {
            for (name, help, value) in [
                ("memory_limit", "Memory that may be used", reading.limit_bytes),
                ("memory_used", "Memory that is used of the limit", reading.used_bytes),
                ("memory_soft", "Use over which heavy requests are refused", statistics.soft_bytes),
                ("memory_critical", "Use over which all but health and metrics is refused", statistics.critical_bytes),
                ("memory_reservable", "Memory that running requests may need together", statistics.reservable_bytes),
            ] {
                gauge(name, help, bytes, value as f64)?;
            }
        }
        let closings = ConstCounter::new(statistics.closings);
        let help = "How often heavy requests began to be refused";
        closings.encode(encoder.encode_descriptor("memory_guard_closings", help, None, closings.metric_type())?)
    }
}
