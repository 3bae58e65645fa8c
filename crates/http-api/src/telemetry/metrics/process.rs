//! Metrics of this process under the names that every exporter of Prometheus uses.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use super::gauge;
use crate::DroppedLines;
use crate::telemetry::process::ProcessStatistics;

/// Asks the kernel when it is asked itself.
#[derive(Debug)]
pub(super) struct ProcessCollector(pub(super) DroppedLines);

impl Collector for ProcessCollector {
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 bytes or files")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let dropped = ConstCounter::new(self.0.count());
        let help = "Lines of the log that were dropped because nobody read them in time";
        dropped.encode(encoder.encode_descriptor("log_lines_dropped", help, None, dropped.metric_type())?)?;
        let Some(statistics) = ProcessStatistics::read() else { return Ok(()) };
        let (bytes, seconds) = (Some(&Unit::Bytes), Some(&Unit::Seconds));
        for (name, help, unit, value) in [
            ("process_resident_memory", "Resident memory", bytes, statistics.resident_bytes as f64),
            ("process_virtual_memory", "Virtual memory", bytes, statistics.virtual_bytes as f64),
            ("process_threads", "Threads", None, statistics.threads as f64),
            ("process_open_fds", "Open file descriptors", None, statistics.open_files as f64),
            ("process_start_time", "When the process started, since 1970", seconds, statistics.started_at),
        ] {
            gauge(&mut encoder, name, help, unit, value)?;
        }
        if let Some(most) = statistics.max_open_files {
            gauge(&mut encoder, "process_max_fds", "Most file descriptors that may be open", None, most as f64)?;
        }
        let counter = ConstCounter::new(statistics.cpu_seconds);
        let help = "Time of the processors, of user and system";
        counter.encode(encoder.encode_descriptor("process_cpu", help, seconds, counter.metric_type())?)
    }
}
