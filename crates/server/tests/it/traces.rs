//! Spans of the binary, as a collector gets them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::Value as Json;

use crate::process::{FLIGHTS, SCHEMA, Server, eider, json_of};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const STREAM_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector of traces.
struct Collector {
    address: SocketAddr,
    requests: mpsc::Receiver<ExportTraceServiceRequest>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, (sender, requests)) = (listener.local_addr().unwrap(), mpsc::channel());
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || serve(connection, &sender));
            }
        });
        Self { address, requests }
    }

    /// Everything that has come.
    fn spans(&self) -> Vec<Span> {
        let resources = self.requests.try_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

/// Takes requests until the connection ends.
fn serve(mut connection: TcpStream, requests: &mpsc::Sender<ExportTraceServiceRequest>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    loop {
        let (mut head, mut line) = (Vec::new(), String::new());
        while reader.read_line(&mut line).unwrap_or(0) > 2 {
            head.push(std::mem::take(&mut line).to_ascii_lowercase());
        }
        let Some(first) = head.first() else { return };
        assert!(first.starts_with("post /v1/traces "), "{first}");
        let length = head.iter().find_map(|line| line.strip_prefix("content-length:")).unwrap().trim();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        requests.send(ExportTraceServiceRequest::decode(body.as_slice()).unwrap()).unwrap();
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

fn traced_server(data_dir: &Path, endpoint: SocketAddr) -> Server {
    let data_dir = data_dir.to_str().unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--log-format", "json"];
    let endpoint = format!("http://{endpoint}");
    Server::start_as(
        eider(&arguments).env("EIDER_TELEMETRY_OTLP_ENDPOINT", endpoint).env("OTEL_BSP_SCHEDULE_DELAY", "20"),
    )
}

fn hex(id: &[u8]) -> String {
    let mut text = String::new();
    for byte in id {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// The spans of one trace by name, after checking that it has one root, which its caller began.
fn trace_of<'s>(spans: &'s [Span], trace: &str) -> (&'s Span, HashMap<&'s str, Vec<&'s Span>>) {
    let of_trace: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == trace).collect();
    let ids: Vec<&[u8]> = of_trace.iter().map(|span| span.span_id.as_slice()).collect();
    let (inner, roots): (Vec<&Span>, Vec<&Span>) =
        of_trace.iter().partition(|span| ids.contains(&span.parent_span_id.as_slice()));
    let names: Vec<&str> = of_trace.iter().map(|span| span.name.as_str()).collect();
    let [root] = roots[..] else { panic!("{} roots among {names:?}", roots.len()) };
    assert_eq!(hex(&root.parent_span_id), CALLER);
    let mut by_name: HashMap<&str, Vec<&Span>> = HashMap::new();
    for span in inner {
        by_name.entry(span.name.as_str()).or_default().push(span);
    }
    (root, by_name)
}

#[tokio::test]
async fn a_bulk_call_and_a_stream_are_one_trace_each_from_the_request_to_the_store() {
    let (directory, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = traced_server(directory.path(), collector.address);
    json_of(server.post("/api/v1/schemas", "application/json", SCHEMA), 201).await;
    let call = server.post("/api/v1/records/flights/bulk", "application/x-ndjson", FLIGHTS);
    let stored = call.header("traceparent", format!("00-{TRACE}-{CALLER}-01")).send().await.unwrap();
    assert_eq!(stored.status(), 201);
    let place = stored.headers()["traceparent"].to_str().unwrap().to_owned();
    let call = server.get("/api/v1/records/flights/stream?carrier.eq=UA");
    let streamed = call.header("traceparent", format!("00-{STREAM_TRACE}-{CALLER}-01")).send().await.unwrap();
    assert!(streamed.text().await.unwrap().lines().count() > 100);
    let unrelated = server.get("/health/live").send().await.unwrap();
    assert!(!unrelated.headers()["traceparent"].to_str().unwrap().contains(TRACE));
    let unsampled = server.get("/health/live").header("traceparent", format!("00-{}-{CALLER}-00", "1".repeat(32)));
    unsampled.send().await.unwrap();
    let log = server.logged();
    assert_eq!(server.stop("TERM"), Some(0), "what waits is sent before the end");
    let spans = collector.spans();

    let (root, inner) = trace_of(&spans, TRACE);
    assert_eq!((root.name.as_str(), root.kind()), ("POST /api/v1/records/{schema}/bulk", SpanKind::Server));
    assert_eq!(place, format!("00-{TRACE}-{}-01", hex(&root.span_id)));
    let [bulk] = inner["records.bulk"][..] else { panic!("{inner:?}") };
    assert_eq!(bulk.parent_span_id, root.span_id);
    for name in ["records.decode", "store.commit"] {
        let spans = inner.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", inner.keys()));
        assert!(spans.iter().all(|span| span.parent_span_id == bulk.span_id), "{name}");
    }
    let has_line = |line: &&Json| line["msg"].as_str().is_some_and(|text| text.ends_with("store commit"));
    assert_eq!(log.iter().find(has_line).unwrap()["trace_id"], TRACE);

    let (root, inner) = trace_of(&spans, STREAM_TRACE);
    assert_eq!(root.name, "GET /api/v1/records/{schema}/stream");
    let [stream] = inner["records.stream"][..] else { panic!("{inner:?}") };
    let [scan] = inner["store.scan"][..] else { panic!("{inner:?}") };
    let [delivery] = inner["stream.delivery"][..] else { panic!("{inner:?}") };
    assert_eq!((&stream.parent_span_id, &delivery.parent_span_id), (&root.span_id, &root.span_id));
    assert_eq!(scan.parent_span_id, stream.span_id);
    assert!(delivery.end_time_unix_nano >= stream.end_time_unix_nano, "it lasts until everything is sent");
    assert!(!spans.iter().any(|span| hex(&span.trace_id) == "1".repeat(32)), "the caller decides what is recorded");
    assert!(!format!("{spans:?}").contains("N14228"), "no value is in a span");
}

#[tokio::test]
async fn a_collector_that_is_not_there_is_told_once_and_waited_for_by_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = traced_server(directory.path(), nobody);
    let mut told = 0;
    let mut rounds = 0;
    // The first word on it, and a while of failures after that.
    while told == 0 || rounds < 40 {
        assert_eq!(server.get("/health/live").send().await.unwrap().status(), 200);
        let is_told = |line: &Json| line["msg"].as_str().is_some_and(|text| text.contains("traces cannot be sent"));
        told += server.logged().iter().filter(|line| is_told(line)).count();
        if told > 0 {
            rounds += 1;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(told, 1);
    assert_eq!(server.stop("TERM"), Some(0));
}
