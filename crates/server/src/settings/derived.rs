//! What each part of the server is told, and which settings do not go together.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use bytesize::ByteSize;
use eider_application::ingest::IngestLimits;
use eider_application::quality::ValidationLimits;
use eider_application::runtime::MemoryGuardSettings;
use eider_domain::{MAX_JSON_DEPTH, MAX_PROPERTIES};
use eider_http_api::{HttpSettings, TlsFiles};

use super::{ProcessSettings, Settings};
use crate::store::{ScanBatch, StoreSettings};
use crate::{memory, telemetry};

/// The file of the records in the directory of the data, and in a backup.
pub(crate) const DATABASE: &str = "eider.duckdb";
/// Most threads of a kind.
const MAX_THREADS: usize = 512;
/// Most connections to the engine.
const MAX_CONNECTIONS: usize = 1_024;
/// A pebibyte.
const MAX_BYTES: u64 = 1 << 50;
/// What requests need beside all that is there at the start.
const MIN_ROOM_BYTES: u64 = 16 << 20;
/// Memory of the program itself beside the engine and the caches.
const PROGRAM_BYTES: u64 = 64 << 20;

impl Settings {
    /// Whether a server can work with them.
    ///
    /// # Errors
    /// Names the key, what is wrong with its value, and what is not.
    pub fn check(&self) -> Result<()> {
        if let Some(limit) = self.process.engine_memory {
            let least = ByteSize(memory::ENGINE_FLOOR);
            ensure!(
                limit >= least,
                "`storage.memory_limit` is {limit}; below {least} the engine may stop at a checkpoint"
            );
        }
        let MemoryGuardSettings { soft_share: soft, critical_share: critical, .. } = self.memory_guard;
        ensure!(
            soft > 0.0 && soft < critical && critical <= 1.0,
            "`memory.soft_share` ({soft}) must be over 0 and less than `memory.critical_share` ({critical}), which is 1 at most"
        );
        ensure!(!self.memory_guard.check_every.is_zero(), "`memory.check_every` must be over 0s");
        ensure!(
            self.http.default_page_limit <= self.http.max_page_limit,
            "`limits.default_page` ({}) must be at most `limits.max_page` ({})",
            self.http.default_page_limit,
            self.http.max_page_limit
        );
        let depth = self.ingest.max_json_depth;
        ensure!(
            (1..=MAX_JSON_DEPTH).contains(&depth),
            "`limits.json_depth` is {depth}; it must be from 1 to {MAX_JSON_DEPTH}"
        );
        let properties = self.schemas.max_properties;
        ensure!(
            (1..=MAX_PROPERTIES).contains(&properties),
            "`limits.properties` is {properties}; it must be from 1 to {MAX_PROPERTIES}"
        );
        let ProcessSettings { tls_certificate, tls_key, .. } = &self.process;
        ensure!(
            tls_certificate.as_os_str().is_empty() == tls_key.as_os_str().is_empty(),
            "`server.tls_certificate` and `server.tls_key` go together; one is empty"
        );
        ensure!(!self.process.data_dir.as_os_str().is_empty(), "`storage.data_dir` is empty");
        let threads = [("server.workers", self.http.workers), ("storage.threads", self.store.threads)];
        for (key, threads) in threads.into_iter().filter_map(|(key, threads)| Some((key, threads?))) {
            ensure!((1..=MAX_THREADS).contains(&threads), "`{key}` is {threads}; it must be from 1 to {MAX_THREADS}");
        }
        let connections = self.store.pool.size.saturating_add(self.store.pool.max_overflow);
        ensure!(
            self.store.pool.size > 0 && connections <= MAX_CONNECTIONS,
            "`pool.size` must be at least 1, and at most {MAX_CONNECTIONS} with `pool.max_overflow`"
        );
        // The origins are checked where they are used, when the server starts, and here before it is one.
        eider_http_api::check_origins(&self.http.cors_origins)
            .map_err(|error| anyhow::anyhow!("`server.cors_origins`: {error}"))?;
        telemetry::check_filter(&self.telemetry.filter)?;
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
        let (http, store, ingest) = (&self.http, &self.store, &self.ingest);
        for (key, is_some) in [
            ("server.max_connections", http.max_connections > 0),
            ("server.header_timeout", !http.header_timeout.is_zero()),
            ("server.body_timeout", !http.body_timeout.is_zero()),
            ("storage.writer_wait", !store.writer_wait.is_zero()),
            ("commits.max_changes", store.group.max_changes > 0),
            ("commits.queue_length", store.group.queue_length > 0),
            ("limits.url_size", http.max_url_bytes > 0),
            ("limits.body_size", http.max_body_bytes > 0),
            ("limits.bulk_size", http.max_bulk_bytes > 0),
            ("limits.record_size", ingest.max_record_bytes > 0),
            ("limits.bulk_records", ingest.max_records > 0),
            ("limits.bulk_calls", http.max_bulk_calls > 0),
            ("limits.streams", http.max_streams > 0),
            ("limits.stream_idle", !http.stream_idle.is_zero()),
            ("limits.default_page", http.default_page_limit > 0),
            ("limits.page_size", self.process.max_page_bytes > 0),
            ("limits.query_timeout", !http.query_timeout.is_zero()),
        ] {
            ensure!(is_some, "`{key}` is 0; nothing would be answered");
        }
        Ok(())
    }

    /// No size is beyond what any machine has, which is how a number that does not fit 64 bits is read.
    fn check_sizes(&self) -> Result<()> {
        for (key, value) in self.table()? {
            let size = value.as_str().and_then(|text| text.parse::<ByteSize>().ok());
            ensure!(
                size.is_none_or(|size| size.as_u64() <= MAX_BYTES),
                "`{key}` is {value}, which is more than {}",
                ByteSize(MAX_BYTES)
            );
        }
        Ok(())
    }

    /// A limit of memory leaves room for requests.
    fn check_memory(&self) -> Result<()> {
        let Some(limit) = self.process.memory_limit else { return Ok(()) };
        let needed = ByteSize(self.for_memory_guard().base_bytes + MIN_ROOM_BYTES);
        ensure!(
            limit >= needed,
            "`memory.limit` is {limit}; the engine, the caches and the program take so much that requests need a limit of \
             {needed}; lower `storage.memory_limit`, `limits.answer_cache`, `storage.record_cache` or `commits.pending_memory`, or give it \
             more"
        );
        Ok(())
    }

    /// What the edge is told.
    pub fn for_http(&self) -> HttpSettings {
        HttpSettings {
            tls: self.tls(),
            max_json_depth: self.ingest.max_json_depth,
            max_sample: self.http.max_sample.max(1),
            is_traced: telemetry::is_traced(&self.telemetry),
            ..self.http.clone()
        }
    }

    /// The files of the certificate and its key, if either is set.
    fn tls(&self) -> Option<TlsFiles> {
        let ProcessSettings { tls_certificate, tls_key, .. } = &self.process;
        let is_set = [tls_certificate, tls_key].iter().any(|path| !path.as_os_str().is_empty());
        is_set.then(|| TlsFiles { certificate: tls_certificate.clone(), key: tls_key.clone() })
    }

    /// What every write keeps.
    pub fn for_ingest(&self) -> IngestLimits {
        let IngestLimits { batch_bytes, batch_rows, .. } = self.ingest;
        IngestLimits { batch_bytes: batch_bytes.max(1), batch_rows: batch_rows.max(1), ..self.ingest }
    }

    /// How many validations there are, and what they keep.
    pub fn for_validations(&self) -> ValidationLimits {
        ValidationLimits { max_running: self.validations.max_running.max(1), ..self.validations.clone() }
    }

    /// What the guard over memory is told.
    pub fn for_memory_guard(&self) -> MemoryGuardSettings {
        let caches = self.http.answer_cache_bytes + self.store.record_cache_bytes;
        // Of one schema: others are written to in turn, mostly.
        let caches = caches + self.store.group.pending_bytes as u64;
        MemoryGuardSettings { base_bytes: self.engine_memory() + caches + PROGRAM_BYTES, ..self.memory_guard }
    }

    fn engine_memory(&self) -> u64 {
        let limit = self.process.memory_limit.map(|limit| limit.as_u64());
        self.process.engine_memory.map_or_else(|| memory::default_engine_memory(limit), |limit| limit.as_u64())
    }

    /// What the store is told. `auto` becomes a share of the memory that this process may use.
    pub fn for_store(&self) -> StoreSettings {
        let ProcessSettings { data_dir, temp_directory, .. } = &self.process;
        let ScanBatch { rows, bytes } = self.store.scan_batch;
        StoreSettings {
            path: data_dir.join(DATABASE),
            temp_directory: temp_directory.as_ref().map_or_else(|| data_dir.join("tmp"), PathBuf::from),
            memory_limit_bytes: self.engine_memory(),
            scan_batch: ScanBatch { rows: rows.max(1), bytes: bytes.max(1) },
            ..self.store.clone()
        }
    }
}
