//! The statistics as metrics: their names, what they say and their units.

use eider_application::ports::MetricUnit::{Bytes, Seconds};
use eider_application::ports::MetricValue::{Counter, Gauge, Histogram, LastTime};
use eider_application::ports::{Distribution, Metric, StoreMetrics};
use eider_engine_duckdb::connection::{ConnectionStatistics, EngineMemory};

use crate::file::statistics::{
    CheckpointStatistics, CommitStatistics, EvolutionStatistics, FileStatistics, PendingStatistics,
    RecordCacheStatistics, StoreStatistics,
};

impl StoreStatistics {
    /// The statistics as operators see them.
    pub(crate) fn into_metrics(self) -> StoreMetrics {
        let last_checkpoint = self.last_checkpoint.map(|took| {
            let help = "How long the last checkpoint took";
            Metric::new("store_last_checkpoint_duration", help, LastTime(took.as_secs_f64())).in_unit(Seconds)
        });
        let mut metrics: Vec<Metric> = last_checkpoint.into_iter().collect();
        metrics.extend(self.checkpoints.into_iter().flat_map(of_checkpoints));
        metrics.extend(of_pending(self.pending));
        metrics.extend(self.commits.into_iter().flat_map(of_commits));
        metrics.extend(self.evolutions.into_iter().flat_map(of_evolutions));
        metrics.extend(self.connections.into_iter().flat_map(of_connections));
        metrics.extend(self.records.into_iter().flat_map(of_records));
        metrics.extend(self.engine_memory.iter().flat_map(of_memory));
        metrics.extend(self.files.into_iter().flat_map(of_files));
        StoreMetrics(metrics)
    }
}

fn seconds(name: &'static str, help: &'static str, distribution: Distribution) -> Metric {
    Metric::new(name, help, Histogram(distribution)).in_unit(Seconds)
}

fn of_checkpoints(statistics: CheckpointStatistics) -> [Metric; 2] {
    let CheckpointStatistics { seconds: took, failed, postponed } = statistics;
    let missed = [("failed", Counter(failed)), ("postponed", Counter(postponed))];
    [
        seconds("store_checkpoint_duration", "How long checkpoints took, with the wait for running writes", took),
        Metric::labelled(
            "store_checkpoints_missed",
            "Checkpoints that were not taken when they were due",
            "reason",
            missed,
        ),
    ]
}

fn of_pending(statistics: PendingStatistics) -> [Metric; 2] {
    let PendingStatistics { records, bytes } = statistics;
    let size = Metric::new("store_pending_size", "Memory of the changes that are not in their table yet", Gauge(bytes));
    [
        Metric::new("store_pending_records", "Records with changes that are not in their table yet", Gauge(records)),
        size.in_unit(Bytes),
    ]
}

fn of_commits(statistics: CommitStatistics) -> [Metric; 3] {
    let CommitStatistics { single_seconds, bulk_seconds, group_changes, flush_seconds } = statistics;
    let help = "How long commits took, without the wait for the write lock";
    let kinds = [("single", Histogram(single_seconds)), ("bulk", Histogram(bulk_seconds))];
    [
        Metric::labelled("store_commit_duration", help, "kind", kinds).in_unit(Seconds),
        Metric::new("store_commit_group_changes", "Changes that shared a commit", Histogram(group_changes)),
        seconds("store_flush_duration", "How long changes took from the log into their table", flush_seconds),
    ]
}

fn of_evolutions(statistics: EvolutionStatistics) -> [Metric; 2] {
    let EvolutionStatistics { seconds: took, steps, steps_done } = statistics;
    let states = [("done", Gauge(steps_done)), ("to_do", Gauge(steps.saturating_sub(steps_done)))];
    [
        seconds(
            "schema_change_duration",
            "How long changes of schemas took, without the wait for the write lock",
            took,
        ),
        Metric::labelled("schema_change_steps", "Steps of the changes of schemas that run", "state", states),
    ]
}

fn of_connections(statistics: ConnectionStatistics) -> [Metric; 8] {
    let gauge = |name, help, value: usize| Metric::new(name, help, Gauge(value as u64));
    let closed = [
        ("old", Counter(statistics.closed_old)),
        ("surplus", Counter(statistics.closed_surplus)),
        ("broken", Counter(statistics.closed_broken)),
    ];
    let waited = "How long callers waited until they had a connection";
    let in_vain = "Callers that waited for a connection in vain";
    [
        gauge("store_connections_max", "Connections to the engine at most", statistics.max),
        gauge("store_connections_used", "Connections to the engine in use", statistics.used),
        gauge("store_connections_idle", "Connections to the engine that nobody uses", statistics.idle),
        gauge("store_connections_waiting", "Callers that wait for a connection to the engine", statistics.waiting),
        seconds("store_connection_wait", waited, statistics.wait_seconds),
        Metric::new("store_connection_timeouts", in_vain, Counter(statistics.timeouts)),
        Metric::new("store_connections_created", "Connections that were made", Counter(statistics.created)),
        Metric::labelled("store_connections_closed", "Connections that were closed", "reason", closed),
    ]
}

fn of_records(statistics: RecordCacheStatistics) -> [Metric; 4] {
    let RecordCacheStatistics { hits, misses, entries, bytes } = statistics;
    let size = Metric::new("store_record_cache_size", "What the records kept in memory take", Gauge(bytes));
    [
        Metric::new("store_record_cache_entries", "Records kept in memory for reads by id", Gauge(entries)),
        size.in_unit(Bytes),
        Metric::new("store_record_cache_hits", "Reads by id that were answered from memory", Counter(hits)),
        Metric::new("store_record_cache_misses", "Reads by id that were not answered from memory", Counter(misses)),
    ]
}

fn of_memory(memory: &EngineMemory) -> [Metric; 3] {
    let limit = "Memory that the engine's buffers may take";
    let used = memory.tags.iter().map(|tag| (tag.name.as_str(), Gauge(tag.used_bytes)));
    let spilled = memory.tags.iter().map(|tag| (tag.name.as_str(), Gauge(tag.spilled_bytes)));
    [
        Metric::new("store_engine_memory_limit", limit, Gauge(memory.limit_bytes)),
        Metric::labelled("store_engine_memory", "Memory of the engine by purpose", "tag", used),
        Metric::labelled("store_engine_spilled", "Temporary files of the engine by purpose", "tag", spilled),
    ]
    .map(|metric| metric.in_unit(Bytes))
}

fn of_files(files: FileStatistics) -> [Metric; 2] {
    let FileStatistics { database_bytes, log_bytes, change_log_bytes, index_bytes, temporary_bytes, free_bytes } =
        files;
    let sizes = [
        ("database", Gauge(database_bytes)),
        ("log", Gauge(log_bytes)),
        ("changes", Gauge(change_log_bytes)),
        ("indexes", Gauge(index_bytes)),
        ("temporary", Gauge(temporary_bytes)),
    ];
    [
        Metric::labelled("store_file_size", "Files of the store", "file", sizes),
        Metric::new("store_disk_free", "Free room on the disk of the store", Gauge(free_bytes)),
    ]
    .map(|metric| metric.in_unit(Bytes))
}
