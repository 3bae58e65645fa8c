//! A server of its own for each test, and the calls that tests make.

use std::net::TcpListener;
use std::sync::Arc;

use eider_application::access::KeyRing;
use eider_application::ingest::IngestLimits;
use eider_application::ports::Store;
use eider_application::quality::ValidationLimits;
use eider_application::runtime::{MemoryGuard, MemoryGuardSettings};
use eider_application::{BackupService, QueryService, RecordService, SchemaService, ValidationService};
use eider_http_api::{DroppedLines, HttpServer, HttpSettings, Services};
use eider_testkit::{FixedClock, MemoryReports, MemoryStore, SequentialIds};
use futures::StreamExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value as Json, json};

/// Most bytes of the records of a page.
pub(crate) const MAX_PAGE_BYTES: usize = 2 << 20;

/// A running server over an in-memory store.
pub(crate) struct TestApp {
    pub(crate) base: String,
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) reports: MemoryReports,
    pub(crate) memory: MemoryGuard,
    pub(crate) keys: KeyRing,
    client: Client,
}

/// What a call answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a problem, after checking that it is a whole one.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["type"], format!("/errors/{code}"));
        assert_eq!(problem["instance"], self.header("x-request-id"));
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["retryable"].is_boolean());
        (self.status, code)
    }

    pub(crate) fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}

/// What arrived of a body before its connection broke.
pub(crate) async fn broken_body(response: Response) -> Vec<u8> {
    let pieces: Vec<_> = response.bytes_stream().collect().await;
    assert!(pieces.last().is_some_and(Result::is_err), "a client that only looks at the connection notices");
    pieces.into_iter().flatten().flatten().collect()
}

impl TestApp {
    pub(crate) fn start() -> Self {
        Self::start_with(HttpSettings::default(), IngestLimits::default())
    }

    pub(crate) fn start_with(settings: HttpSettings, limits: IngestLimits) -> Self {
        Self::start_over(settings, limits, MemoryReports::default())
    }

    pub(crate) fn start_over(settings: HttpSettings, limits: IngestLimits, reports: MemoryReports) -> Self {
        Self::start_on(MemoryStore::new(), settings, limits, reports)
    }

    pub(crate) fn start_on(
        store: MemoryStore,
        mut settings: HttpSettings,
        limits: IngestLimits,
        reports: MemoryReports,
    ) -> Self {
        settings.workers = Some(1);
        let records: Arc<dyn Store> = Arc::new(store.clone());
        let clock = Arc::new(FixedClock::default());
        let memory = MemoryGuard::new(MemoryGuardSettings::default());
        let keys = KeyRing::open(Arc::clone(&clock) as _);
        let services = Services {
            schemas: SchemaService::new(Arc::clone(&records), Arc::clone(&clock) as _),
            ingest: RecordService::new(
                Arc::clone(&records),
                Arc::clone(&clock) as _,
                Arc::new(SequentialIds::new()),
                Arc::new(reports.clone()),
                limits,
            )
            .with_memory(memory.clone()),
            backup: BackupService::new(Arc::clone(&records), Arc::clone(&clock) as _, Arc::new(SequentialIds::new())),
            validations: ValidationService::new(
                Arc::clone(&records),
                Arc::clone(&clock) as _,
                Arc::new(SequentialIds::new()),
                ValidationLimits::default(),
            ),
            query: QueryService::new(records).with_max_page_bytes(MAX_PAGE_BYTES),
            memory: memory.clone(),
            keys: keys.clone(),
            dropped_lines: DroppedLines::default(),
        };
        // Other members of the workspace make the client inflate what it receives.
        let client = Client::builder().no_gzip().no_zstd().no_brotli().no_deflate().redirect(Policy::none());
        let client = client.build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let server = HttpServer::new(listener, services, settings).unwrap();
        let base = format!("{scheme}://{}", server.address());
        tokio::spawn(server.run());
        Self { base, store, clock, reports, memory, keys, client }
    }

    /// A server with the schema `flights`.
    pub(crate) async fn with_flights() -> Self {
        let app = Self::start();
        app.create_flights().await;
        app
    }

    pub(crate) async fn create_flights(&self) {
        let created = self.post("/api/v1/schemas", &flights()).await;
        assert_eq!(created.status, 201, "{}", created.text);
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.base))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Json) -> Answer {
        self.post_text(path, "application/json", body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request("POST", path).header(CONTENT_TYPE, media_type).body(body)).await
    }

    /// Stores records of `flights`.
    pub(crate) async fn load(&self, records: Json) {
        let answer = self.post("/api/v1/records/flights/bulk", &records).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    /// How many flights are stored.
    pub(crate) async fn count(&self) -> u64 {
        self.get("/api/v1/records/flights/count").await.json()["count"].as_u64().unwrap()
    }
}

pub(crate) fn flights() -> Json {
    json!({"name": "flights", "description": "Departures", "properties": [
        {"name": "carrier", "type": "string", "required": true, "is_indexed": true, "constraints": {"max_length": 2}},
        {"name": "flight", "type": "integer"},
        {"name": "dep_delay", "type": "number"},
        {"name": "time_hour", "type": "datetime"},
        {"name": "confirmation", "type": "string", "is_unique": true},
        {"name": "extra", "type": "object"}]})
}
