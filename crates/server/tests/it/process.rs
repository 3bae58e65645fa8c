//! The binary as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value as Json;
use sysinfo::{Pid, ProcessesToUpdate, System};

/// Longer than anything here takes, on the slowest of machines.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How long a log that has nothing more to say says nothing.
const QUIET: Duration = Duration::from_millis(100);

/// The sample that the repository carries, and its schema.
pub(crate) const FLIGHTS: &str = include_str!("../../../../samples/flights.ndjson");
pub(crate) const SCHEMA: &str = include_str!("../../../../samples/flights.schema.json");

/// A command of the binary without the variables of this process.
pub(crate) fn eider(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eider"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command that must end by itself; what it wrote to standard error.
pub(crate) fn fails(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = eider(arguments).output().unwrap();
    assert_eq!(status.code(), Some(1), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

/// A child that is killed when it is dropped, however its test ends.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// The lines of its standard output, which was made a pipe.
    pub(crate) fn output(&mut self) -> mpsc::Receiver<String> {
        lines_of(self.0.stdout.take().unwrap())
    }

    /// The lines of its standard error, which was made a pipe.
    pub(crate) fn errors(&mut self) -> mpsc::Receiver<String> {
        lines_of(self.0.stderr.take().unwrap())
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal and waits for the end; the exit code.
    pub(crate) fn stop(mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "the process did not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running `eider serve`.
pub(crate) struct Server {
    process: Process,
    client: Client,
    pub(crate) base: String,
    log: Mutex<mpsc::Receiver<String>>,
    before: Vec<String>,
}

impl Server {
    /// Serves a data directory on a free port.
    pub(crate) fn start(data_dir: &Path) -> Self {
        let data_dir = data_dir.to_str().unwrap();
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--log-format", "json"];
        Self::start_as(&mut eider(&arguments))
    }

    /// Serves by a command that says where on standard error, in JSON.
    pub(crate) fn start_as(command: &mut Command) -> Self {
        let mut process = Process::start(command.stderr(Stdio::piped()));
        let log = process.errors();
        let mut before = Vec::new();
        let base = loop {
            let Ok(line) = log.recv_timeout(PATIENCE) else { panic!("it did not start: {before:#?}") };
            match line.split_once("listening on ").and_then(|(_, rest)| rest.split_once('"')) {
                Some((base, _)) => break base.to_owned(),
                None => before.push(line),
            }
        };
        Self { process, client: Client::new(), base, log: Mutex::new(log), before }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, path).header(CONTENT_TYPE, media_type).body(body)
    }

    /// A value of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    }

    /// Resident memory of the process.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let id = Pid::from_u32(self.process.0.id());
        let mut system = System::new().unwrap();
        system.refresh_processes(ProcessesToUpdate::Some(&[id]), false);
        system.process(id).unwrap().memory()
    }

    /// A server with the sample in it.
    pub(crate) async fn with_flights(data_dir: &Path) -> Self {
        let server = Self::start(data_dir);
        json_of(server.post("/api/v1/schemas", "application/json", SCHEMA), 201).await;
        let receipt = json_of(server.post("/api/v1/records/flights/bulk", "application/x-ndjson", FLIGHTS), 201).await;
        assert_eq!(receipt["created"], FLIGHTS.lines().count());
        server
    }

    pub(crate) async fn count(&self) -> usize {
        let answer = json_of(self.get("/api/v1/records/flights/count"), 200).await;
        usize::try_from(answer["count"].as_u64().unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// What it had logged when it began to listen.
    pub(crate) fn logged_before(&self) -> &[String] {
        &self.before
    }

    /// What it has logged since it began to listen, or since this was last asked. A line is written some time after the answer
    /// that it is about, by a thread of its own.
    pub(crate) fn logged(&self) -> Vec<Json> {
        let log = self.log.lock().unwrap();
        let lines = std::iter::from_fn(|| log.recv_timeout(QUIET).ok());
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// Sends a signal and waits for the end; the exit code.
    pub(crate) fn stop(self, signal: &str) -> Option<i32> {
        self.process.stop(signal)
    }
}

/// The lines that a pipe brings, read by a thread so that the process never waits for its reader.
fn lines_of(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Lines are read on when nobody wants them any more.
            let _ = sender.send(line);
        }
    });
    receiver
}

pub(crate) async fn json_of(request: RequestBuilder, status: u16) -> Json {
    let response = request.send().await.unwrap();
    let found = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}
