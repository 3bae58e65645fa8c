//! Figures of the store, which is asked when the figures are.

use std::fmt;

use eider_application::{
    CheckpointFigures, CommitFigures, ConnectionFigures, Distribution, EngineMemory, EvolutionFigures, FileFigures,
    QueryService, RecordCacheFigures, StoreFigures,
};
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
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let StoreFigures {
            last_checkpoint,
            checkpoints,
            commits,
            evolutions,
            connections,
            records,
            engine_memory,
            files,
        } = self.0.figures();
        let mut out = Encoder(encoder);
        if let Some(took) = last_checkpoint {
            let help = "How long the last checkpoint took";
            out.gauge("store_last_checkpoint_duration", help, Some(&Unit::Seconds), took.as_secs_f64())?;
        }
        checkpoints.iter().try_for_each(|figures| out.checkpoints(figures))?;
        commits.iter().try_for_each(|figures| out.commits(figures))?;
        evolutions.iter().try_for_each(|figures| out.evolutions(figures))?;
        connections.iter().try_for_each(|figures| out.connections(figures))?;
        records.iter().try_for_each(|figures| out.records(figures))?;
        engine_memory.iter().try_for_each(|memory| out.memory(memory))?;
        files.iter().try_for_each(|files| out.files(files))
    }
}

struct Encoder<'e>(DescriptorEncoder<'e>);

impl Encoder<'_> {
    fn checkpoints(&mut self, figures: &CheckpointFigures) -> fmt::Result {
        let CheckpointFigures { seconds, failed, postponed } = figures;
        let help = "How long checkpoints took, with the wait for running writes";
        self.histogram("store_checkpoint_duration", help, Some(&Unit::Seconds), seconds)?;
        let missed = [("failed", *failed), ("postponed", *postponed)];
        self.counters(
            "store_checkpoints_missed",
            "Checkpoints that were not taken when they were due",
            "reason",
            missed,
        )
    }

    fn commits(&mut self, figures: &CommitFigures) -> fmt::Result {
        let CommitFigures { single_seconds, bulk_seconds, group_changes } = figures;
        let help = "How long commits took, without the wait for their turn";
        let metric_type = MetricType::Histogram;
        let mut family = self.0.encode_descriptor("store_commit_duration", help, Some(&Unit::Seconds), metric_type)?;
        for (kind, seconds) in [("single", single_seconds), ("bulk", bulk_seconds)] {
            encode_distribution(family.encode_family(&[("kind", kind)])?, seconds)?;
        }
        self.histogram("store_commit_group_changes", "Changes that shared a commit", None, group_changes)
    }

    fn evolutions(&mut self, figures: &EvolutionFigures) -> fmt::Result {
        let EvolutionFigures { seconds, steps, steps_done } = figures;
        let help = "How long changes of schemas took, without the wait for their turn";
        self.histogram("schema_change_duration", help, Some(&Unit::Seconds), seconds)?;
        let states = [("done", *steps_done), ("to_do", steps.saturating_sub(*steps_done))];
        self.wholes("schema_change_steps", "Steps of the changes of schemas that run", None, ("state", states))
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 connections")]
    fn connections(&mut self, figures: &ConnectionFigures) -> fmt::Result {
        for (name, help, value) in [
            ("store_connections_max", "Connections to the engine at most", figures.max),
            ("store_connections_used", "Connections to the engine in use", figures.used),
            ("store_connections_idle", "Connections to the engine that nobody uses", figures.idle),
            ("store_connections_waiting", "Callers that wait for a connection to the engine", figures.waiting),
        ] {
            self.gauge(name, help, None, value as f64)?;
        }
        let help = "How long callers waited until they had a connection";
        self.histogram("store_connection_wait", help, Some(&Unit::Seconds), &figures.wait_seconds)?;
        let help = "Callers that waited for a connection in vain";
        self.counter("store_connection_timeouts", help, figures.timeouts)?;
        self.counter("store_connections_created", "Connections that were made", figures.created)?;
        let ConnectionFigures { closed_old, closed_surplus, closed_broken, .. } = figures;
        let closed = [("old", *closed_old), ("surplus", *closed_surplus), ("broken", *closed_broken)];
        self.counters("store_connections_closed", "Connections that were closed", "reason", closed)
    }

    fn records(&mut self, figures: &RecordCacheFigures) -> fmt::Result {
        let RecordCacheFigures { hits, misses, entries, bytes } = *figures;
        self.whole("store_record_cache_entries", "Records kept in memory for reads by id", None, entries)?;
        let help = "What the records kept in memory take";
        self.whole("store_record_cache_size", help, Some(&Unit::Bytes), bytes)?;
        self.counter("store_record_cache_hits", "Reads by id that were answered from memory", hits)?;
        self.counter("store_record_cache_misses", "Reads by id that were not answered from memory", misses)
    }

    fn memory(&mut self, memory: &EngineMemory) -> fmt::Result {
        let help = "Memory that the engine's buffers may take";
        self.whole("store_engine_memory_limit", help, Some(&Unit::Bytes), memory.limit_bytes)?;
        let used = memory.tags.iter().map(|tag| (tag.name.as_str(), tag.used_bytes));
        self.wholes("store_engine_memory", "Memory of the engine by purpose", Some(&Unit::Bytes), ("tag", used))?;
        let spilled = memory.tags.iter().map(|tag| (tag.name.as_str(), tag.spilled_bytes));
        let help = "Temporary files of the engine by purpose";
        self.wholes("store_engine_spilled", help, Some(&Unit::Bytes), ("tag", spilled))
    }

    fn files(&mut self, files: &FileFigures) -> fmt::Result {
        let FileFigures { database_bytes, log_bytes, temporary_bytes, free_bytes } = *files;
        let sizes = [("database", database_bytes), ("log", log_bytes), ("temporary", temporary_bytes)];
        self.wholes("store_file_size", "Files of the store", Some(&Unit::Bytes), ("file", sizes))?;
        self.whole("store_disk_free", "Free room on the disk of the store", Some(&Unit::Bytes), free_bytes)
    }

    fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: f64) -> fmt::Result {
        super::gauge(&mut self.0, name, help, unit, value)
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 bytes or records")]
    fn whole(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        self.gauge(name, help, unit, value as f64)
    }

    /// Gauges in bytes that one label tells apart.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 bytes")]
    fn wholes<'v>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        (label, values): (&'static str, impl IntoIterator<Item = (&'v str, u64)>),
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (value_of_label, value) in values {
            ConstGauge::new(value as f64).encode(family.encode_family(&[(label, value_of_label)])?)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        counter.encode(self.0.encode_descriptor(name, help, None, counter.metric_type())?)
    }

    /// Counters that one label tells apart.
    fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: [(&'static str, u64); N],
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value_of_label, value) in values {
            ConstCounter::new(value).encode(family.encode_family(&[(label, value_of_label)])?)?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, unit: Option<&Unit>, figures: &Distribution) -> fmt::Result {
        encode_distribution(self.0.encode_descriptor(name, help, unit, MetricType::Histogram)?, figures)
    }
}

pub(super) fn encode_distribution(mut encoder: MetricEncoder<'_>, figures: &Distribution) -> fmt::Result {
    encoder.encode_histogram::<NoLabelSet>(figures.sum, figures.count(), &figures.buckets, None)
}
