//! The limits and times that hold at the edge.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use eider_domain::DEFAULT_JSON_DEPTH;

use crate::TlsFiles;
use crate::body::Patience;

/// What a request may ask for and how long it may take. `Default` is what `eider serve` uses unconfigured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Threads that serve connections.
    pub workers: usize,
    /// Connections that are open at once; more wait to be accepted. Each worker has its share.
    pub max_connections: usize,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long the headers of a request may take to arrive.
    pub header_timeout: Duration,
    /// How long a body may pause before it counts as lost.
    pub body_timeout: Duration,
    /// What a body must bring on average, in bytes a second, once it is waited for longer than `body_timeout` in all.
    pub min_body_rate: u64,
    /// How long running requests may go on after a stop was asked for.
    pub shutdown_grace: Duration,
    /// What connections are encrypted with.
    pub tls: Option<TlsFiles>,
    /// Names that the server goes by, beside `localhost` and its addresses, or `*`; asked of it as long as it asks nobody for a
    /// key.
    pub hosts: Vec<String>,
    /// Origins from which scripts may ask, or `*`.
    pub cors_origins: Vec<String>,
    /// Longest path and query of a request, in bytes.
    pub max_url_bytes: u64,
    /// Requests that a client may make each second; 0 does not count them.
    pub requests_per_second: u32,
    /// Requests that a client may make at once; 0 for as many as each second.
    pub request_burst: u32,
    /// Largest body of a single record or a schema, in bytes.
    pub max_body_bytes: u64,
    /// How deep objects and arrays of a document are nested at most: of a schema, a query, rules.
    pub max_json_depth: usize,
    /// Largest body of a bulk call, in bytes.
    pub max_bulk_bytes: u64,
    /// Largest body of a bulk call that names its schema in the body and so is held in memory, in bytes.
    pub max_buffered_bulk_bytes: u64,
    /// Bulk calls that run at once.
    pub max_bulk_calls: usize,
    /// How long a bulk call waits for others to end before it is refused.
    pub bulk_call_wait: Duration,
    /// Memory that a bulk call may need, in bytes.
    pub bulk_call_memory_bytes: u64,
    /// Streams that run at once.
    pub max_streams: usize,
    /// Memory that a stream may need, in bytes.
    pub stream_memory_bytes: u64,
    /// How long a stream waits for others to end before it is refused.
    pub stream_wait: Duration,
    /// How long a client may take for the next 64 KiB of a stream before it is cut off.
    pub stream_idle: Duration,
    /// Memory for answers that are kept until the next commit, in bytes; 0 keeps none.
    pub answer_cache_bytes: u64,
    /// Most records that a schema is inferred from.
    pub max_sample: u64,
    /// Records on a page that asks for no number.
    pub default_page_limit: u64,
    /// Most records on a page.
    pub max_page_limit: u64,
    /// The greatest offset that a page number may lead to.
    pub max_offset: u64,
    /// Most conditions in a query.
    pub max_conditions: usize,
    /// Most values of a list, of the operator `in`.
    pub max_list_values: usize,
    /// Longest pattern of `like` and `ilike`, in characters.
    pub max_pattern_chars: usize,
    /// Most values of a document: a query body, a schema, a list of rules.
    pub max_document_values: u64,
    /// How deep the conditions of a query are nested at most.
    pub max_filter_depth: usize,
    /// Most sort keys in a query.
    pub max_sort_keys: usize,
    /// Most columns of an aggregation: keys and figures.
    pub max_columns: usize,
    /// How long a page, a count or an aggregation may take, and a stream until its first record.
    pub query_timeout: Duration,
    /// How long a read waits for the commit that its `min_seq` names.
    pub min_seq_wait: Duration,
    /// From when on an operation is logged as slow: pool, store and encoding together; `None` logs none.
    pub slow_operation: Option<Duration>,
    /// Whether spans go to a collector, so that requests get a place in a trace.
    pub is_traced: bool,
}

impl HttpSettings {
    /// How long a body is waited for.
    pub(crate) fn patience(&self) -> Patience {
        Patience { pause: self.body_timeout, min_rate: self.min_body_rate }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            max_connections: 4096,
            keep_alive: Duration::from_secs(75),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            min_body_rate: 1024,
            shutdown_grace: Duration::from_secs(30),
            tls: None,
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            max_url_bytes: 8 << 10,
            requests_per_second: 0,
            request_burst: 0,
            max_body_bytes: 16 << 20,
            max_json_depth: DEFAULT_JSON_DEPTH,
            max_bulk_bytes: 1 << 30,
            max_buffered_bulk_bytes: 64 << 20,
            max_bulk_calls: 4,
            bulk_call_wait: Duration::from_secs(5),
            bulk_call_memory_bytes: 64 << 20,
            max_streams: 24,
            stream_memory_bytes: 16 << 20,
            stream_wait: Duration::from_secs(5),
            stream_idle: Duration::from_mins(1),
            answer_cache_bytes: 64 << 20,
            max_sample: 100_000,
            default_page_limit: 100,
            max_page_limit: 10_000,
            max_offset: 10_000,
            max_conditions: 100,
            max_list_values: 100_000,
            max_pattern_chars: 1_000,
            max_document_values: 500_000,
            max_filter_depth: 8,
            max_sort_keys: 20,
            max_columns: 100,
            query_timeout: Duration::from_mins(1),
            min_seq_wait: Duration::from_secs(5),
            slow_operation: Some(Duration::from_secs(1)),
            is_traced: false,
        }
    }
}

/// The settings of a running server, which can be replaced. Clones share them.
///
/// What is made when a server starts stays as it was: its threads, its connections' times, its caches, and how many
/// calls of a kind run at once.
#[derive(Debug, Clone)]
pub struct LiveSettings(Arc<ArcSwap<HttpSettings>>);

impl LiveSettings {
    pub(crate) fn new(settings: HttpSettings) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(settings)))
    }

    /// What is in force.
    pub(crate) fn current(&self) -> Arc<HttpSettings> {
        self.0.load_full()
    }

    /// Puts others in force, for requests that begin from now on.
    pub fn replace(&self, settings: HttpSettings) {
        self.0.store(Arc::new(settings));
    }
}
