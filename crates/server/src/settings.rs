//! Every setting, with its default. `config/default.toml` says what each is for.

mod auto;
mod derived;
mod duration;
mod layers;
mod listen;
mod umask;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use eider_application::{IngestLimits, MemoryGuardSettings, ValidationLimits};
use eider_http_api::HttpSettings;
use serde::{Deserialize, Serialize};

pub(crate) use self::derived::{DATABASE, bytes};
pub use self::layers::{CONFIG_VARIABLE, Effective, Sources, effective, known_keys, load, variables_of};
pub use self::umask::Umask;
use crate::store::{GroupSettings, PoolSettings, StoreSettings};

/// Most bytes of the records of a page.
const PAGE_BYTES: u64 = 64 << 20;

/// Settings that a running server takes over; a change of any other waits for the next start.
pub const RELOADABLE: &[&str] = &[
    "server.body_timeout",
    "server.min_body_rate",
    "limits.url_size",
    "limits.body_size",
    "limits.bulk_size",
    "limits.buffered_bulk_size",
    "limits.stream_idle",
    "limits.sample",
    "limits.default_page",
    "limits.max_page",
    "limits.max_offset",
    "limits.conditions",
    "limits.list_values",
    "limits.pattern_chars",
    "limits.document_values",
    "limits.filter_depth",
    "limits.sort_keys",
    "limits.columns",
    "limits.query_timeout",
    "limits.min_seq_wait",
    "memory.soft_share",
    "memory.critical_share",
    "memory.bulk_call",
    "memory.stream",
    "log.filter",
];

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
    #[serde(deserialize_with = "listen::deserialize")]
    pub listen: SocketAddr,
    #[serde(with = "auto")]
    pub workers: Option<usize>,
    pub max_connections: usize,
    #[serde(with = "duration")]
    pub keep_alive: Duration,
    #[serde(with = "duration")]
    pub header_timeout: Duration,
    #[serde(with = "duration")]
    pub body_timeout: Duration,
    pub min_body_rate: ByteSize,
    #[serde(with = "duration")]
    pub shutdown_grace: Duration,
    pub tls_certificate: PathBuf,
    pub tls_key: PathBuf,
    pub hosts: Vec<String>,
    pub cors_origins: Vec<String>,
}

/// The file and the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Storage {
    pub data_dir: PathBuf,
    pub umask: Umask,
    #[serde(with = "auto")]
    pub temp_directory: Option<String>,
    #[serde(with = "auto")]
    pub memory_limit: Option<ByteSize>,
    #[serde(with = "auto")]
    pub threads: Option<usize>,
    pub checkpoint_threshold: ByteSize,
    #[serde(with = "duration")]
    pub checkpoint_after_idle: Duration,
    pub staging_memory: ByteSize,
    pub id_filter: ByteSize,
    pub record_cache: ByteSize,
    #[serde(with = "duration")]
    pub writer_wait: Duration,
    #[serde(with = "duration")]
    pub change_patience: Duration,
    pub scan_batch: ByteSize,
    pub scan_batch_rows: usize,
}

/// Connections to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Pool {
    pub size: usize,
    pub max_overflow: usize,
    #[serde(with = "duration")]
    pub wait_timeout: Duration,
    #[serde(with = "duration")]
    pub check_after_idle: Duration,
    #[serde(with = "duration")]
    pub recycle_after: Duration,
}

/// How changes of single records share commits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml says what each setting is for, and a test that all are there")]
pub struct Commits {
    pub max_changes: usize,
    #[serde(with = "duration")]
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
    pub json_depth: usize,
    pub bulk_records: u64,
    pub bulk_batch: ByteSize,
    pub bulk_batch_rows: usize,
    pub reported_failures: usize,
    pub report_size: ByteSize,
    pub bulk_calls: usize,
    #[serde(with = "duration")]
    pub bulk_call_wait: Duration,
    pub streams: usize,
    #[serde(with = "duration")]
    pub stream_wait: Duration,
    #[serde(with = "duration")]
    pub stream_idle: Duration,
    pub validations: usize,
    pub validations_kept: usize,
    #[serde(with = "duration")]
    pub validation_lifetime: Duration,
    pub validation_issues: ByteSize,
    pub answer_cache: ByteSize,
    pub sample: u64,
    pub default_page: u64,
    pub max_page: u64,
    pub page_size: ByteSize,
    pub max_offset: u64,
    pub conditions: usize,
    pub list_values: usize,
    pub pattern_chars: usize,
    pub document_values: u64,
    pub filter_depth: usize,
    pub sort_keys: usize,
    pub columns: usize,
    #[serde(with = "duration")]
    pub query_timeout: Duration,
    #[serde(with = "duration")]
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
    #[serde(with = "duration")]
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
    #[serde(with = "duration")]
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
            hosts: http.hosts,
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
            change_patience,
            scan_batch,
            ..
        } = StoreSettings::new("", "");
        Self {
            data_dir: "./data".into(),
            umask: Umask::default(),
            temp_directory: None,
            memory_limit: None,
            threads: None,
            checkpoint_threshold: ByteSize(checkpoint_threshold_bytes),
            checkpoint_after_idle,
            staging_memory: ByteSize(staging_memory_bytes as u64),
            id_filter: ByteSize(id_filter_bytes as u64),
            record_cache: ByteSize(record_cache_bytes),
            writer_wait,
            change_patience,
            scan_batch: ByteSize(scan_batch.bytes as u64),
            scan_batch_rows: scan_batch.rows,
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
        let validations = ValidationLimits::default();
        Self {
            requests_per_second: http.requests_per_second,
            request_burst: http.request_burst,
            url_size: ByteSize(http.max_url_bytes),
            body_size: ByteSize(http.max_body_bytes),
            bulk_size: ByteSize(http.max_bulk_bytes),
            buffered_bulk_size: ByteSize(http.max_buffered_bulk_bytes),
            record_size: ByteSize(ingest.max_record_bytes as u64),
            json_depth: ingest.max_json_depth,
            bulk_records: ingest.max_records,
            bulk_batch: ByteSize(ingest.batch_bytes as u64),
            bulk_batch_rows: ingest.batch_rows,
            reported_failures: ingest.max_failures,
            report_size: ByteSize(ingest.max_report_bytes),
            bulk_calls: http.max_bulk_calls,
            bulk_call_wait: http.bulk_call_wait,
            streams: http.max_streams,
            stream_wait: http.stream_wait,
            stream_idle: http.stream_idle,
            validations: validations.max_running,
            validations_kept: validations.max_kept,
            validation_lifetime: validations.kept_for,
            validation_issues: ByteSize(validations.max_issue_bytes),
            answer_cache: ByteSize(http.answer_cache_bytes),
            sample: http.max_sample,
            default_page: http.default_page_limit,
            max_page: http.max_page_limit,
            page_size: ByteSize(PAGE_BYTES),
            max_offset: http.max_offset,
            conditions: http.max_conditions,
            list_values: http.max_list_values,
            pattern_chars: http.max_pattern_chars,
            document_values: http.max_document_values,
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
