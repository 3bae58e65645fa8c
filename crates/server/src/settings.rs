//! Every setting, with its default. `config/default.toml` says what each is for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytesize::ByteSize;
use eider_application::{IngestLimits, MemoryGuardSettings};
use eider_http_api::{HttpSettings, TlsFiles};
use eider_store_duckdb::{GroupSettings, PoolSettings, StoreSettings};
use serde::{Deserialize, Serialize};

use crate::{memory, telemetry};

/// Most bytes of the records of a page.
const PAGE_BYTES: u64 = 64 << 20;
/// Memory of the program itself beside the engine and the caches.
const PROGRAM_BYTES: u64 = 96 << 20;

/// All settings, section by section.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Connections.
    pub server: Server,
    /// The file and the engine.
    pub storage: Storage,
    /// Connections to the engine.
    pub pool: Pool,
    /// How changes of single records share commits.
    pub commits: Commits,
    /// What a request may ask for.
    pub limits: Limits,
    /// When requests are refused for want of memory.
    pub memory: Memory,
    /// What is logged, and how.
    pub log: Log,
    /// Where traces go.
    pub telemetry: Telemetry,
}

/// Connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Server {
    pub listen: SocketAddr,
    #[serde(with = "auto")]
    pub workers: Option<usize>,
    pub max_connections: usize,
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    pub min_body_rate: ByteSize,
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
    pub tls_certificate: PathBuf,
    pub tls_key: PathBuf,
    pub cors_origins: Vec<String>,
}

/// The file and the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Storage {
    pub data_dir: PathBuf,
    #[serde(with = "auto")]
    pub temp_directory: Option<String>,
    #[serde(with = "auto")]
    pub memory_limit: Option<ByteSize>,
    #[serde(with = "auto")]
    pub threads: Option<usize>,
    pub checkpoint_threshold: ByteSize,
    #[serde(with = "humantime_serde")]
    pub checkpoint_after_idle: Duration,
    pub staging_memory: ByteSize,
    pub id_filter: ByteSize,
    pub record_cache: ByteSize,
    #[serde(with = "humantime_serde")]
    pub writer_wait: Duration,
}

/// Connections to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Pool {
    pub size: usize,
    pub max_overflow: usize,
    #[serde(with = "humantime_serde")]
    pub wait_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub check_after_idle: Duration,
    #[serde(with = "humantime_serde")]
    pub recycle_after: Duration,
}

/// How changes of single records share commits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Commits {
    pub max_changes: usize,
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
    pub queue_length: usize,
}

/// What a request may ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Limits {
    pub requests_per_second: u32,
    pub request_burst: u32,
    pub url_size: ByteSize,
    pub body_size: ByteSize,
    pub bulk_size: ByteSize,
    pub buffered_bulk_size: ByteSize,
    pub record_size: ByteSize,
    pub bulk_records: u64,
    pub reported_failures: usize,
    pub report_size: ByteSize,
    pub bulk_calls: usize,
    #[serde(with = "humantime_serde")]
    pub bulk_call_wait: Duration,
    pub streams: usize,
    #[serde(with = "humantime_serde")]
    pub stream_wait: Duration,
    #[serde(with = "humantime_serde")]
    pub stream_idle: Duration,
    pub answer_cache: ByteSize,
    pub default_page: u64,
    pub max_page: u64,
    pub page_size: ByteSize,
    pub max_offset: u64,
    pub conditions: usize,
    pub filter_depth: usize,
    pub sort_keys: usize,
    pub columns: usize,
    #[serde(with = "humantime_serde")]
    pub query_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub min_seq_wait: Duration,
}

/// When requests are refused for want of memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Memory {
    #[serde(with = "auto")]
    pub limit: Option<ByteSize>,
    pub soft_share: f64,
    pub critical_share: f64,
    #[serde(with = "humantime_serde")]
    pub check_every: Duration,
    pub bulk_call: ByteSize,
    pub stream: ByteSize,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
    #[serde(with = "humantime_serde")]
    pub slow_operation: Duration,
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Telemetry {
    pub otlp_endpoint: String,
    pub service_name: String,
    pub sample_ratio: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// Bunyan's JSON, a line each.
    Json,
}

impl Default for Server {
    fn default() -> Self {
        let http = HttpSettings::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            workers: None,
            max_connections: http.max_connections,
            keep_alive: http.keep_alive,
            header_timeout: http.header_timeout,
            body_timeout: http.body_timeout,
            min_body_rate: ByteSize(http.min_body_rate),
            shutdown_grace: http.shutdown_grace,
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            cors_origins: http.cors_origins,
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        let StoreSettings {
            checkpoint_threshold_bytes,
            checkpoint_after_idle,
            staging_memory_bytes,
            id_filter_bytes,
            record_cache_bytes,
            writer_wait,
            ..
        } = StoreSettings::new("", "");
        Self {
            data_dir: "./data".into(),
            temp_directory: None,
            memory_limit: None,
            threads: None,
            checkpoint_threshold: ByteSize(checkpoint_threshold_bytes),
            checkpoint_after_idle,
            staging_memory: ByteSize(staging_memory_bytes as u64),
            id_filter: ByteSize(id_filter_bytes as u64),
            record_cache: ByteSize(record_cache_bytes),
            writer_wait,
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        let PoolSettings { size, max_overflow, wait_timeout, check_after_idle, recycle_after } =
            PoolSettings::default();
        Self { size, max_overflow, wait_timeout, check_after_idle, recycle_after }
    }
}

impl Default for Commits {
    fn default() -> Self {
        let GroupSettings { max_changes, max_wait, queue_length } = GroupSettings::default();
        Self { max_changes, max_wait, queue_length }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let (http, ingest) = (HttpSettings::default(), IngestLimits::default());
        Self {
            requests_per_second: http.requests_per_second,
            request_burst: http.request_burst,
            url_size: ByteSize(http.max_url_bytes),
            body_size: ByteSize(http.max_body_bytes),
            bulk_size: ByteSize(http.max_bulk_bytes),
            buffered_bulk_size: ByteSize(http.max_buffered_bulk_bytes),
            record_size: ByteSize(ingest.max_record_bytes as u64),
            bulk_records: ingest.max_records,
            reported_failures: ingest.max_failures,
            report_size: ByteSize(ingest.max_report_bytes),
            bulk_calls: http.max_bulk_calls,
            bulk_call_wait: http.bulk_call_wait,
            streams: http.max_streams,
            stream_wait: http.stream_wait,
            stream_idle: http.stream_idle,
            answer_cache: ByteSize(http.answer_cache_bytes),
            default_page: http.default_page_limit,
            max_page: http.max_page_limit,
            page_size: ByteSize(PAGE_BYTES),
            max_offset: http.max_offset,
            conditions: http.max_conditions,
            filter_depth: http.max_filter_depth,
            sort_keys: http.max_sort_keys,
            columns: http.max_columns,
            query_timeout: http.query_timeout,
            min_seq_wait: http.min_seq_wait,
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        let (http, guard) = (HttpSettings::default(), MemoryGuardSettings::default());
        Self {
            limit: None,
            soft_share: guard.soft_share,
            critical_share: guard.critical_share,
            check_every: guard.check_every,
            bulk_call: ByteSize(http.bulk_call_memory_bytes),
            stream: ByteSize(http.stream_memory_bytes),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        let slow_operation = HttpSettings::default().slow_operation.unwrap_or_default();
        Self { format: LogFormat::Auto, filter: "info".to_owned(), slow_operation }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: String::new(), service_name: "eider".to_owned(), sample_ratio: 1.0 }
    }
}

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
            max_records: self.limits.bulk_records,
            max_failures: self.limits.reported_failures,
            max_report_bytes: self.limits.report_size.as_u64(),
            ..IngestLimits::default()
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
        let defaults = StoreSettings::new(storage.data_dir.join("eider.duckdb"), temp_directory);
        StoreSettings {
            memory_limit_bytes: self.engine_memory(),
            threads: storage.threads.unwrap_or(defaults.threads).max(1),
            checkpoint_threshold_bytes: storage.checkpoint_threshold.as_u64(),
            checkpoint_after_idle: storage.checkpoint_after_idle,
            staging_memory_bytes: bytes(storage.staging_memory),
            id_filter_bytes: bytes(storage.id_filter),
            record_cache_bytes: storage.record_cache.as_u64(),
            writer_wait: storage.writer_wait,
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

/// Settings that are found out when they are `auto`.
mod auto {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            None => serializer.serialize_str("auto"),
            Some(value) => serializer.collect_str(value),
        }
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(u64),
        Text(String),
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        let text = match Given::deserialize(deserializer)? {
            Given::Number(number) => number.to_string(),
            Given::Text(text) => text,
        };
        if text == "auto" {
            return Ok(None);
        }
        text.parse()
            .map(Some)
            .map_err(|error| de::Error::custom(format!("`{text}` is neither `auto` nor valid: {error}")))
    }
}
