//! The rules and the dashboard of `config/`, tried on a Prometheus that watches the binary.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;
use reqwest::Client;
use serde_json::Value as Json;

use crate::process::{FLIGHTS, PATIENCE, Process, SCHEMA, Server, eider, json_of};

/// Words of the query language that are no metrics.
const KEYWORDS: [&str; 7] = ["and", "bool", "inf", "nan", "offset", "or", "unless"];

/// A query of `config/`, and what stands beside it there.
struct Query {
    /// A rule compares; it yields nothing until something is wrong.
    is_rule: bool,
    name: String,
    text: String,
}

fn config(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(path)
}

/// The queries of all panels, with the dashboard's variables put in.
fn panel_queries() -> Vec<Query> {
    let dashboard: Json = serde_json::from_str(&fs::read_to_string(config("grafana/eider.json")).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let queries = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(|target| {
            let text = target["expr"].as_str().unwrap().replace("$__rate_interval", "1m").replace("$instance", ".*");
            Query { is_rule: false, name: panel["title"].as_str().unwrap().to_owned(), text }
        })
    });
    queries.collect()
}

/// The selectors of a query: metrics with their labels. Everything that is no number, function, keyword or label counts
/// as one, so that a misspelt name cannot be overlooked.
fn selectors(query: &str) -> Vec<String> {
    let labels = Regex::new(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)").unwrap();
    // A number, a range, or a word with its labels and the parenthesis that makes it a function.
    let tokens = r"\b[0-9][0-9a-z.]*|\[[^\]]*\]|([A-Za-z_:][A-Za-z0-9_:]*)(\s*\{[^}]*\})?(\s*\()?";
    let (tokens, query) = (Regex::new(tokens).unwrap(), labels.replace_all(query, " "));
    let mut selectors = Vec::new();
    for token in tokens.captures_iter(&query) {
        let Some(word) = token.get(1) else { continue };
        if token.get(3).is_none() && !KEYWORDS.contains(&word.as_str()) {
            selectors.push(format!("{}{}", word.as_str(), token.get(2).map_or("", |labels| labels.as_str())));
        }
    }
    selectors
}

#[test]
fn the_selectors_of_a_query_are_found() {
    let query =
        r#"sum by (a, le) (rate(b_total{c=~"5..|x",d="e"}[5m])) / on (f) group_left (g) max(h) > 0.1 and i < 1e9 or 5"#;
    assert_eq!(selectors(query), [r#"b_total{c=~"5..|x",d="e"}"#, "h", "i"]);
}

/// A Prometheus with the configuration of `config/`, but for the address of the server and the time between two looks.
struct Prometheus {
    _process: Process,
    client: Client,
    base: String,
}

impl Prometheus {
    async fn start(directory: &Path, server: &Server) -> Self {
        let address = server.base.strip_prefix("http://").unwrap();
        let text = fs::read_to_string(config("prometheus/prometheus.yml")).unwrap();
        let ours = text.replace("127.0.0.1:8080", address).replace("15s", "200ms");
        assert_eq!(ours.matches(address).count(), 1);
        fs::write(directory.join("prometheus.yml"), ours).unwrap();
        fs::copy(config("prometheus/rules.yml"), directory.join("rules.yml")).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", directory.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--log.format=json"]);
        let mut process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()));
        let log = process.errors();
        let base = loop {
            let line = log.recv_timeout(PATIENCE).expect("it does not say where it listens");
            let line: Json = serde_json::from_str(&line).unwrap_or_default();
            if line["msg"] == "Listening on" {
                break format!("http://{}", line["address"].as_str().unwrap());
            }
        };
        let prometheus = Self { _process: process, client: Client::new(), base };
        let started = Instant::now();
        while prometheus.client.get(format!("{}/-/ready", prometheus.base)).send().await.unwrap().status() != 200 {
            assert!(started.elapsed() < PATIENCE, "it is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        prometheus
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Json {
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/{path}", self.base), query).unwrap();
        let answer: Json = self.client.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        answer["data"].clone()
    }

    /// How many series a query yields now.
    async fn series(&self, query: &str) -> usize {
        self.get("query", &[("query", query)]).await["result"].as_array().unwrap().len()
    }

    async fn wait_for(&self, query: &str) {
        let started = Instant::now();
        while self.series(query).await == 0 {
            assert!(started.elapsed() < PATIENCE, "nothing for {query}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn rules(&self) -> Vec<Query> {
        let groups = self.get("rules", &[]).await;
        let rules = groups["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
        let queries = rules.map(|rule| {
            let text = |member: &str| rule[member].as_str().unwrap().to_owned();
            assert_ne!(rule["health"], "err", "{rule}");
            Query { is_rule: true, name: text("name"), text: text("query") }
        });
        queries.collect()
    }
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Requests of every kind that has statistics of its own.
async fn some_of_everything(server: &Server) {
    const RECORDS: &str = "/api/v1/records/flights";
    let record = FLIGHTS.lines().next().unwrap();
    json_of(server.post(RECORDS, "application/json", record), 201).await;
    for path in ["", "?format=csv", "/stream", "/count"] {
        let answer = server.get(&format!("{RECORDS}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap();
    }
    // A commit that does not come in time.
    json_of(server.get(&format!("{RECORDS}/count?min_seq=1000000")), 504).await;
    json_of(server.get("/nowhere"), 404).await;
}

#[tokio::test]
async fn every_query_of_the_rules_and_the_dashboard_finds_its_series() {
    if !is_installed("prometheus") || !is_installed("promtool") {
        writeln!(stderr(), "skipped: prometheus is not installed (apt-get install prometheus)").unwrap();
        return;
    }
    let rules = config("prometheus/rules.yml");
    let checked = Command::new("promtool").args(["check", "rules"]).arg(&rules).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap()];
    let mut command = eider(&arguments);
    command.env("EIDER_LOG_FORMAT", "json").env("EIDER_STORAGE_CHECKPOINT_AFTER_IDLE", "50ms");
    let server = Server::start_as(command.env("EIDER_LIMITS_MIN_SEQ_WAIT", "1ms"));
    json_of(server.post("/api/v1/schemas", "application/json", SCHEMA), 201).await;
    json_of(server.post("/api/v1/records/flights/bulk", "application/x-ndjson", FLIGHTS), 201).await;
    some_of_everything(&server).await;
    let prometheus = Prometheus::start(directory.path(), &server).await;
    prometheus.wait_for("rate(process_cpu_seconds_total{job=\"eider\"}[1m])").await;
    some_of_everything(&server).await;
    prometheus.wait_for("eider_store_last_checkpoint_duration_seconds").await;
    prometheus.wait_for("rate(eider_http_requests_total{status=\"504\"}[1m]) > 0").await;

    let rules = prometheus.rules().await;
    let panels = panel_queries();
    assert!(rules.len() >= 10 && panels.len() >= 40, "{} rules and {} panels", rules.len(), panels.len());
    let mut missing = BTreeSet::new();
    for Query { is_rule, name, text } in rules.iter().chain(&panels) {
        for selector in selectors(text) {
            if prometheus.series(&selector).await == 0 {
                missing.insert(format!("{name}: no series is {selector}"));
            }
        }
        // Rules are silent when nothing is wrong.
        if prometheus.series(text).await == 0 && !is_rule {
            missing.insert(format!("{name}: nothing for {text}"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
