//! Figures for Prometheus.

use std::fmt;

use eider_application::{QueryService, RecordCacheFigures, StoreFigures};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// What stands in front of every name.
const PREFIX: &str = "eider";

/// Everything that `/metrics` tells.
pub(crate) fn registry(query: &QueryService) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(StoreCollector(query.clone())));
    registry
}

/// Asks the store when it is asked itself.
#[derive(Debug)]
struct StoreCollector(QueryService);

impl Collector for StoreCollector {
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 connections, records or bytes")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
        };
        let StoreFigures { last_checkpoint, connections, records } = self.0.figures();
        if let Some(took) = last_checkpoint {
            let help = "How long the last checkpoint took";
            gauge("store_last_checkpoint_duration", help, Some(&Unit::Seconds), took.as_secs_f64())?;
        }
        if let Some(connections) = connections {
            for (name, help, value) in [
                ("store_connections_max", "Connections to the engine at most", connections.max),
                ("store_connections_used", "Connections to the engine in use", connections.used),
                ("store_connections_idle", "Connections to the engine that nobody uses", connections.idle),
                ("store_connections_waiting", "Callers that wait for a connection to the engine", connections.waiting),
            ] {
                gauge(name, help, None, value as f64)?;
            }
        }
        if let Some(RecordCacheFigures { hits, misses, entries, bytes }) = records {
            gauge("store_record_cache_entries", "Records kept in memory for reads by id", None, entries as f64)?;
            let help = "What the records kept in memory take";
            gauge("store_record_cache_size", help, Some(&Unit::Bytes), bytes as f64)?;
            for (name, help, value) in [
                ("store_record_cache_hits", "Reads by id that were answered from memory", hits),
                ("store_record_cache_misses", "Reads by id that were not answered from memory", misses),
            ] {
                let counter = ConstCounter::new(value);
                counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
            }
        }
        Ok(())
    }
}
