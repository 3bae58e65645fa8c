//! The limits and times that hold at the edge.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use eider_domain::DEFAULT_JSON_DEPTH;
use eider_settings::{Auto, Period, PeriodOrNone, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::TlsFiles;
use crate::transport::body_timeouts::BodyTimeouts;

/// What a request may ask for and how long it may take. `Default` is what `eider serve` uses unconfigured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpSettings {
    /// Threads that serve connections. `auto`: one for each core.
    #[serde(rename = "server.workers", with = "Auto")]
    pub workers: Option<usize>,
    /// Connections that may be open at once, shared among the workers. More wait to be accepted.
    #[serde(rename = "server.max_connections")]
    pub max_connections: usize,
    /// How long an idle connection is kept open.
    #[serde(rename = "server.keep_alive", with = "Period")]
    pub keep_alive: Duration,
    /// How long the headers of a request may take to arrive.
    #[serde(rename = "server.header_timeout", with = "Period")]
    pub header_timeout: Duration,
    /// How long a body may pause before it counts as lost.
    #[serde(rename = "server.body_timeout", with = "Period")]
    #[schemars(extend("x-reload" = true))]
    pub body_timeout: Duration,
    /// What a body must bring in a second, on average, once the server has waited for it longer than `body_timeout` in
    /// all. 0 asks nothing.
    #[serde(rename = "server.min_body_rate", with = "Size")]
    #[schemars(extend("x-reload" = true))]
    pub min_body_rate: u64,
    /// How long running requests may go on after the server was asked to stop.
    #[serde(rename = "server.shutdown_grace", with = "Period")]
    pub shutdown_grace: Duration,
    /// What connections are encrypted with.
    #[serde(skip)]
    pub tls: Option<TlsFiles>,
    /// Names with a dot that a server without keys answers to, beside its addresses; requests for other names are
    /// refused. `"*"` for any.
    #[serde(rename = "server.hosts")]
    pub hosts: Vec<String>,
    /// Origins whose scripts may ask from a browser: `"https://example.org"`, or `"*"` for any.
    #[serde(rename = "server.cors_origins")]
    pub cors_origins: Vec<String>,
    /// Longest path and query of a request.
    #[serde(rename = "limits.url_size", with = "Size")]
    #[schemars(extend("x-reload" = true))]
    pub max_url_bytes: u64,
    /// Requests that a client (a key, or else an address) may make each second. 0 does not count them.
    #[serde(rename = "limits.requests_per_second")]
    pub requests_per_second: u32,
    /// Requests that a client may make at once. 0: as many as each second.
    #[serde(rename = "limits.request_burst")]
    pub request_burst: u32,
    /// Largest body of a single record or a schema.
    #[serde(rename = "limits.body_size", with = "Size")]
    #[schemars(extend("x-reload" = true))]
    pub max_body_bytes: u64,
    /// How deep objects and arrays of a document are nested at most: of a schema, a query, rules.
    #[serde(skip)]
    pub max_json_depth: usize,
    /// Largest body of a bulk call.
    #[serde(rename = "limits.bulk_size", with = "Size")]
    #[schemars(extend("x-reload" = true))]
    pub max_bulk_bytes: u64,
    /// Largest body of a bulk call that names its schema in the body and is held in memory.
    #[serde(rename = "limits.buffered_bulk_size", with = "Size")]
    #[schemars(extend("x-reload" = true))]
    pub max_buffered_bulk_bytes: u64,
    /// Bulk calls that run at once.
    #[serde(rename = "limits.bulk_calls")]
    pub max_bulk_calls: usize,
    /// How long a bulk call waits for others to end, before its body is read. Then it is refused with 503.
    #[serde(rename = "limits.bulk_call_wait", with = "Period")]
    pub bulk_call_wait: Duration,
    /// Memory that is reserved for a bulk call before its body is read; less for short bodies.
    #[serde(rename = "memory.bulk_call", with = "Size")]
    #[schemars(extend("x-reload" = true))]
    pub bulk_call_memory_bytes: u64,
    /// Streams that run at once.
    #[serde(rename = "limits.streams")]
    pub max_streams: usize,
    /// Memory that is reserved for a stream.
    #[serde(rename = "memory.stream", with = "Size")]
    #[schemars(extend("x-reload" = true))]
    pub stream_memory_bytes: u64,
    /// How long a stream waits for others to end. Then it is refused with 503.
    #[serde(rename = "limits.stream_wait", with = "Period")]
    pub stream_wait: Duration,
    /// How long a client may take for the next 64 KiB of a stream, or take nothing of any other answer. Then its query is
    /// cancelled and its connection breaks.
    #[serde(rename = "limits.stream_idle", with = "Period")]
    #[schemars(extend("x-reload" = true))]
    pub stream_idle: Duration,
    /// Memory for pages and counts that are kept until the next commit of their schema. 0 keeps none.
    #[serde(rename = "limits.answer_cache", with = "Size")]
    pub answer_cache_bytes: u64,
    /// Most records that a schema is inferred from.
    #[serde(rename = "limits.sample")]
    #[schemars(extend("x-reload" = true))]
    pub max_sample: u64,
    /// Records on a page that asks for no number.
    #[serde(rename = "limits.default_page")]
    #[schemars(extend("x-reload" = true))]
    pub default_page_limit: u64,
    /// Most records on a page.
    #[serde(rename = "limits.max_page")]
    #[schemars(extend("x-reload" = true))]
    pub max_page_limit: u64,
    /// Greatest offset that a page number may lead to.
    #[serde(rename = "limits.max_offset")]
    #[schemars(extend("x-reload" = true))]
    pub max_offset: u64,
    /// Most conditions in a query.
    #[serde(rename = "limits.conditions")]
    #[schemars(extend("x-reload" = true))]
    pub max_conditions: usize,
    /// Most values of a list, of the operator `in`.
    #[serde(rename = "limits.list_values")]
    #[schemars(extend("x-reload" = true))]
    pub max_list_values: usize,
    /// Longest pattern of `like` and `ilike`, in characters.
    #[serde(rename = "limits.pattern_chars")]
    #[schemars(extend("x-reload" = true))]
    pub max_pattern_chars: usize,
    /// Most values of a document, nested ones included: a query body, a schema, a list of rules.
    #[serde(rename = "limits.document_values")]
    #[schemars(extend("x-reload" = true))]
    pub max_document_values: u64,
    /// How deep the conditions of a query may be nested.
    #[serde(rename = "limits.filter_depth")]
    #[schemars(extend("x-reload" = true))]
    pub max_filter_depth: usize,
    /// Most sort keys in a query.
    #[serde(rename = "limits.sort_keys")]
    #[schemars(extend("x-reload" = true))]
    pub max_sort_keys: usize,
    /// Most columns of an aggregation: keys and figures.
    #[serde(rename = "limits.columns")]
    #[schemars(extend("x-reload" = true))]
    pub max_columns: usize,
    /// How long a page, a count or an aggregation may take, and a stream until its first record. Then the query is
    /// interrupted.
    #[serde(rename = "limits.query_timeout", with = "Period")]
    #[schemars(extend("x-reload" = true))]
    pub query_timeout: Duration,
    /// How long a read waits for the commit that its `min_seq` names.
    #[serde(rename = "limits.min_seq_wait", with = "Period")]
    #[schemars(extend("x-reload" = true))]
    pub min_seq_wait: Duration,
    /// How long an operation may take before it is logged as slow: connection, store and encoding together. 0s logs
    /// none.
    #[serde(rename = "log.slow_operation", with = "PeriodOrNone")]
    pub slow_operation: Option<Duration>,
    /// Whether spans go to a collector, so that requests get a place in a trace.
    #[serde(skip)]
    pub is_traced: bool,
}

impl HttpSettings {
    /// How long a body is waited for.
    pub(crate) fn body_timeouts(&self) -> BodyTimeouts {
        BodyTimeouts { pause: self.body_timeout, min_rate: self.min_body_rate }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            workers: None,
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
