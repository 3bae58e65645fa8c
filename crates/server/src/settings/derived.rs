//! What each part of the server is told, and which settings do not go together.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use bytesize::ByteSize;
use eider_application::{IngestLimits, MemoryGuardSettings, ValidationLimits};
use eider_domain::MAX_JSON_DEPTH;
use eider_http_api::{HttpSettings, TlsFiles};

use super::{Memory, Server, Settings};
use crate::store::{GroupSettings, PoolSettings, ScanBatch, StoreSettings};
use crate::{memory, telemetry};

/// The file of the records in the directory of the data, and in a backup.
pub(crate) const DATABASE: &str = "eider.duckdb";
/// Most threads of a kind.
const MOST_THREADS: usize = 512;
/// Most connections to the engine.
const MOST_CONNECTIONS: usize = 1_024;
/// A pebibyte.
const MOST_BYTES: u64 = 1 << 50;
/// What requests need beside all that is there at the start.
const LEAST_ROOM_BYTES: u64 = 16 << 20;
/// Memory of the program itself beside the engine and the caches.
const PROGRAM_BYTES: u64 = 64 << 20;

impl Settings {
    /// Whether a server can work with them.
    ///
    /// # Errors
    /// Names the key, what is wrong with its value, and what is not.
    pub fn check(&self) -> Result<()> {
        if let Some(limit) = self.storage.memory_limit {
            let least = ByteSize(memory::ENGINE_FLOOR);
            ensure!(
                limit >= least,
                "`storage.memory_limit` is {limit}; below {least} the engine may stop at a checkpoint"
            );
        }
        let Memory { soft_share: soft, critical_share: critical, .. } = self.memory;
        ensure!(
            soft > 0.0 && soft < critical && critical <= 1.0,
            "`memory.soft_share` ({soft}) must be over 0 and less than `memory.critical_share` ({critical}), which is 1 at most"
        );
        ensure!(!self.memory.check_every.is_zero(), "`memory.check_every` must be over 0s");
        ensure!(
            self.limits.default_page <= self.limits.max_page,
            "`limits.default_page` ({}) must be at most `limits.max_page` ({})",
            self.limits.default_page,
            self.limits.max_page
        );
        let depth = self.limits.json_depth;
        ensure!(
            (1..=MAX_JSON_DEPTH).contains(&depth),
            "`limits.json_depth` is {depth}; it must be from 1 to {MAX_JSON_DEPTH}"
        );
        let Server { tls_certificate, tls_key, .. } = &self.server;
        ensure!(
            tls_certificate.as_os_str().is_empty() == tls_key.as_os_str().is_empty(),
            "`server.tls_certificate` and `server.tls_key` go together; one is empty"
        );
        ensure!(!self.storage.data_dir.as_os_str().is_empty(), "`storage.data_dir` is empty");
        let threads = [("server.workers", self.server.workers), ("storage.threads", self.storage.threads)];
        for (key, threads) in threads.into_iter().filter_map(|(key, threads)| Some((key, threads?))) {
            ensure!((1..=MOST_THREADS).contains(&threads), "`{key}` is {threads}; it must be from 1 to {MOST_THREADS}");
        }
        let connections = self.pool.size.saturating_add(self.pool.max_overflow);
        ensure!(
            self.pool.size > 0 && connections <= MOST_CONNECTIONS,
            "`pool.size` must be at least 1, and at most {MOST_CONNECTIONS} with `pool.max_overflow`"
        );
        headers_of_browsers(&self.server)?;
        telemetry::check_filter(&self.log.filter)?;
        ensure!(
            (0.0..=1.0).contains(&self.telemetry.sample_ratio),
            "`telemetry.sample_ratio` is {}; it must be from 0 to 1",
            self.telemetry.sample_ratio
        );
        self.check_some()?;
        self.check_sizes()?;
        self.check_memory()
    }

    /// Settings of which a server needs some.
    fn check_some(&self) -> Result<()> {
        let (server, limits) = (&self.server, &self.limits);
        for (key, is_some) in [
            ("server.max_connections", server.max_connections > 0),
            ("server.header_timeout", !server.header_timeout.is_zero()),
            ("server.body_timeout", !server.body_timeout.is_zero()),
            ("storage.writer_wait", !self.storage.writer_wait.is_zero()),
            ("commits.max_changes", self.commits.max_changes > 0),
            ("commits.queue_length", self.commits.queue_length > 0),
            ("limits.url_size", limits.url_size.as_u64() > 0),
            ("limits.body_size", limits.body_size.as_u64() > 0),
            ("limits.bulk_size", limits.bulk_size.as_u64() > 0),
            ("limits.record_size", limits.record_size.as_u64() > 0),
            ("limits.bulk_records", limits.bulk_records > 0),
            ("limits.bulk_calls", limits.bulk_calls > 0),
            ("limits.streams", limits.streams > 0),
            ("limits.stream_idle", !limits.stream_idle.is_zero()),
            ("limits.default_page", limits.default_page > 0),
            ("limits.page_size", limits.page_size.as_u64() > 0),
            ("limits.query_timeout", !limits.query_timeout.is_zero()),
        ] {
            ensure!(is_some, "`{key}` is 0; nothing would be answered");
        }
        Ok(())
    }

    /// No size is beyond what any machine has, which is how a number that does not fit 64 bits is read.
    fn check_sizes(&self) -> Result<()> {
        let sections = toml::Table::try_from(self)?;
        let settings = sections.iter().flat_map(|(section, values)| {
            values.as_table().into_iter().flatten().map(move |(name, value)| (section, name, value))
        });
        for (section, name, value) in settings {
            let size = value.as_str().and_then(|text| text.parse::<ByteSize>().ok());
            ensure!(
                size.is_none_or(|size| size.as_u64() <= MOST_BYTES),
                "`{section}.{name}` is {value}, which is more than {}",
                ByteSize(MOST_BYTES)
            );
        }
        Ok(())
    }

    /// A limit of memory leaves room for requests.
    fn check_memory(&self) -> Result<()> {
        let Some(limit) = self.memory.limit else { return Ok(()) };
        let needed = ByteSize(self.memory_guard().base_bytes + LEAST_ROOM_BYTES);
        ensure!(
            limit >= needed,
            "`memory.limit` is {limit}; the engine, the caches and the program take so much that requests need a limit of \
             {needed}; lower `storage.memory_limit`, `limits.answer_cache` or `storage.record_cache`, or give it more"
        );
        Ok(())
    }

    /// What the edge is told.
    pub fn http(&self) -> HttpSettings {
        let defaults = HttpSettings::default();
        HttpSettings {
            workers: self.server.workers.unwrap_or(defaults.workers).max(1),
            max_connections: self.server.max_connections,
            keep_alive: self.server.keep_alive,
            header_timeout: self.server.header_timeout,
            body_timeout: self.server.body_timeout,
            min_body_rate: self.server.min_body_rate.as_u64(),
            shutdown_grace: self.server.shutdown_grace,
            tls: self.tls(),
            hosts: self.server.hosts.clone(),
            cors_origins: self.server.cors_origins.clone(),
            requests_per_second: self.limits.requests_per_second,
            request_burst: self.limits.request_burst,
            max_url_bytes: self.limits.url_size.as_u64(),
            max_body_bytes: self.limits.body_size.as_u64(),
            max_json_depth: self.limits.json_depth,
            max_bulk_bytes: self.limits.bulk_size.as_u64(),
            max_buffered_bulk_bytes: self.limits.buffered_bulk_size.as_u64(),
            max_bulk_calls: self.limits.bulk_calls,
            bulk_call_wait: self.limits.bulk_call_wait,
            bulk_call_memory_bytes: self.memory.bulk_call.as_u64(),
            max_streams: self.limits.streams,
            stream_memory_bytes: self.memory.stream.as_u64(),
            stream_wait: self.limits.stream_wait,
            stream_idle: self.limits.stream_idle,
            answer_cache_bytes: self.limits.answer_cache.as_u64(),
            max_sample: self.limits.sample.max(1),
            default_page_limit: self.limits.default_page,
            max_page_limit: self.limits.max_page,
            max_offset: self.limits.max_offset,
            max_conditions: self.limits.conditions,
            max_list_values: self.limits.list_values,
            max_pattern_chars: self.limits.pattern_chars,
            max_document_values: self.limits.document_values,
            max_filter_depth: self.limits.filter_depth,
            max_sort_keys: self.limits.sort_keys,
            max_columns: self.limits.columns,
            query_timeout: self.limits.query_timeout,
            min_seq_wait: self.limits.min_seq_wait,
            slow_operation: Some(self.log.slow_operation).filter(|threshold| !threshold.is_zero()),
            is_traced: telemetry::is_traced(&self.telemetry),
        }
    }

    /// The files of the certificate and its key, if either is set.
    fn tls(&self) -> Option<TlsFiles> {
        let Server { tls_certificate, tls_key, .. } = &self.server;
        let is_set = [tls_certificate, tls_key].iter().any(|path| !path.as_os_str().is_empty());
        is_set.then(|| TlsFiles { certificate: tls_certificate.clone(), key: tls_key.clone() })
    }

    /// What every write keeps.
    pub fn ingest(&self) -> IngestLimits {
        IngestLimits {
            max_record_bytes: bytes(self.limits.record_size),
            max_json_depth: self.limits.json_depth,
            max_records: self.limits.bulk_records,
            batch_bytes: bytes(self.limits.bulk_batch).max(1),
            batch_rows: self.limits.bulk_batch_rows.max(1),
            max_failures: self.limits.reported_failures,
            max_report_bytes: self.limits.report_size.as_u64(),
            ..IngestLimits::default()
        }
    }

    /// How many validations there are, and what they keep.
    pub fn validations(&self) -> ValidationLimits {
        ValidationLimits {
            max_running: self.limits.validations.max(1),
            max_kept: self.limits.validations_kept,
            kept_for: self.limits.validation_lifetime,
            max_issue_bytes: self.limits.validation_issues.as_u64(),
        }
    }

    /// What the guard over memory is told.
    pub fn memory_guard(&self) -> MemoryGuardSettings {
        let caches = self.limits.answer_cache.as_u64() + self.storage.record_cache.as_u64();
        MemoryGuardSettings {
            soft_share: self.memory.soft_share,
            critical_share: self.memory.critical_share,
            check_every: self.memory.check_every,
            base_bytes: self.engine_memory() + caches + PROGRAM_BYTES,
            ..MemoryGuardSettings::default()
        }
    }

    fn engine_memory(&self) -> u64 {
        let limit = self.memory.limit.map(|limit| limit.as_u64());
        self.storage.memory_limit.map_or_else(|| memory::default_engine_memory(limit), |limit| limit.as_u64())
    }

    /// What the store is told. `auto` becomes a share of the memory that this process may use.
    pub fn store(&self) -> StoreSettings {
        let storage = &self.storage;
        let temp_directory =
            storage.temp_directory.as_ref().map_or_else(|| storage.data_dir.join("tmp"), PathBuf::from);
        let defaults = StoreSettings::new(storage.data_dir.join(DATABASE), temp_directory);
        StoreSettings {
            memory_limit_bytes: self.engine_memory(),
            threads: storage.threads.unwrap_or(defaults.threads).max(1),
            checkpoint_threshold_bytes: storage.checkpoint_threshold.as_u64(),
            checkpoint_after_idle: storage.checkpoint_after_idle,
            staging_memory_bytes: bytes(storage.staging_memory),
            id_filter_bytes: bytes(storage.id_filter),
            record_cache_bytes: storage.record_cache.as_u64(),
            writer_wait: storage.writer_wait,
            change_patience: storage.change_patience,
            scan_batch: ScanBatch { rows: storage.scan_batch_rows.max(1), bytes: bytes(storage.scan_batch).max(1) },
            pool: PoolSettings {
                size: self.pool.size,
                max_overflow: self.pool.max_overflow,
                wait_timeout: self.pool.wait_timeout,
                check_after_idle: self.pool.check_after_idle,
                recycle_after: self.pool.recycle_after,
            },
            group: GroupSettings {
                max_changes: self.commits.max_changes,
                max_wait: self.commits.max_wait,
                queue_length: self.commits.queue_length,
            },
            ..defaults
        }
    }
}

/// The origins are checked where they are used, when the server starts, and here before it is one.
fn headers_of_browsers(server: &Server) -> Result<()> {
    eider_http_api::check_origins(&server.cors_origins)
        .map_err(|error| anyhow::anyhow!("`server.cors_origins`: {error}"))
}

pub(crate) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}
