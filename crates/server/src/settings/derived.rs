//! What each part of the server is told, and which settings do not go together.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use bytesize::ByteSize;
use eider_application::{IngestLimits, MemoryGuardSettings, ValidationLimits};
use eider_domain::MAX_JSON_DEPTH;
use eider_http_api::{HttpSettings, TlsFiles};
use eider_store_duckdb::{GroupSettings, PoolSettings, ScanBatch, StoreSettings};

use super::{Memory, Server, Settings};
use crate::{memory, telemetry};

/// The file of the records in the directory of the data, and in a backup.
pub(crate) const DATABASE: &str = "eider.duckdb";
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
        ensure!(self.pool.size > 0, "`pool.size` must be at least 1");
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

pub(crate) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}
