//! The server under load: started with a directory of its own, or one that runs already.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use tempfile::TempDir;

/// How long a server may take to stop.
const STOP_LIMIT: Duration = Duration::from_mins(2);

/// A client that asks for nothing to be compressed: goose's makes all of them ask.
///
/// # Errors
/// When TLS cannot be set up.
pub(crate) fn plain_client() -> Result<Client> {
    Ok(Client::builder().no_gzip().no_brotli().no_deflate().no_zstd().build()?)
}

/// Servers that were started.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A server that answers. One that was started ends with it, and its data is removed.
#[derive(Debug)]
pub(crate) struct Server {
    /// `http://address:port`.
    pub(crate) host: String,
    /// From its start to its first line that says where it listens; zero when it ran already.
    pub(crate) started_in: Duration,
    process: Option<Process>,
    client: Client,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// That of the server, which a wrapper may have started.
    pid: u32,
    directory: PathBuf,
    /// Removes the directory when it is dropped.
    kept: Option<TempDir>,
}

impl Server {
    /// One that runs already at `http://address:port`. Its process is not watched.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub(crate) fn running(host: &str) -> Result<Self> {
        let host = host.trim_end_matches('/').to_owned();
        Ok(Self { host, started_in: Duration::ZERO, process: None, client: plain_client()? })
    }

    /// Starts `binary` on a free port of the loopback address, with settings as environment variables
    /// (`EIDER_LIMITS_STREAMS`), on new data under `parent`.
    ///
    /// `wrapper` is a command that runs the one behind it, such as a profiler; `{}` in it is the number of the server.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(
        binary: &Path,
        wrapper: &[String],
        parent: &Path,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("eider-load-").tempdir_in(parent)?;
        let path = directory.path().to_owned();
        Self::start_in(binary, wrapper, path, Some(directory), settings)
    }

    /// Stops it and starts it again on the same data.
    ///
    /// # Errors
    /// When it was not started here, or does not stop or start.
    pub(crate) fn restart(mut self, binary: &Path, settings: &BTreeMap<String, String>) -> Result<Self> {
        let process = self.process.as_mut().context("only a server that was started here can be started again")?;
        let kept = process.kept.take();
        let directory = process.directory.clone();
        self.stop()?;
        Self::start_in(binary, &[], directory, kept, settings)
    }

    fn start_in(
        binary: &Path,
        wrapper: &[String],
        directory: PathBuf,
        kept: Option<TempDir>,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let began = Instant::now();
        let number = STARTED.fetch_add(1, Ordering::Relaxed).to_string();
        let wrapper: Vec<String> = wrapper.iter().map(|word| word.replace("{}", &number)).collect();
        let mut words = wrapper.iter().map(AsRef::as_ref).chain([binary.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or(binary.as_os_str()));
        command.args(words).args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data-dir"]);
        command.arg(&directory).envs(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut lines = BufReader::new(child.stderr.take().context("its log is read")?).lines();
        let (pid, host) = loop {
            let Some(line) = lines.next().transpose()? else {
                bail!("the server ended ({}) before it listened", child.wait()?)
            };
            let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
            let place = event["msg"].as_str().and_then(|message| message.split_once("listening on "));
            if let (Some((_, host)), Some(pid)) = (place, event["pid"].as_u64()) {
                break (u32::try_from(pid)?, host.split_whitespace().next().unwrap_or(host).to_owned());
            }
        };
        let started_in = began.elapsed();
        // Its log is read on, or the pipe would fill.
        std::thread::spawn(move || lines.for_each(drop));
        let process = Process { child, pid, directory, kept };
        Ok(Self { host, started_in, process: Some(process), client: plain_client()? })
    }

    /// Its process id, when it was started here.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.pid)
    }

    /// The directory of its data, when it was started here.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.process.as_ref().map(|process| process.directory.as_path())
    }

    /// Asks it to end and waits for it. Nothing when it was not started here.
    ///
    /// # Errors
    /// When it ends with a failure, or not at all.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let asked = Command::new("kill").args(["-TERM", &process.pid.to_string()]).status()?;
        ensure!(asked.success(), "the server ended before it was asked to");
        let end = Instant::now() + STOP_LIMIT;
        loop {
            if let Some(status) = process.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            ensure!(Instant::now() < end, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes a schema anew: one with its name is dropped with its records.
    ///
    /// # Errors
    /// When the server refuses it.
    pub(crate) async fn create_schema(&self, definition: &Value) -> Result<()> {
        let name = definition["name"].as_str().context("a schema has a name")?;
        self.client.delete(format!("{}/api/v1/schemas/{name}", self.host)).send().await?;
        let body = definition.to_string().into();
        self.call(Method::POST, "/api/v1/schemas", "application/json", body).await?;
        Ok(())
    }

    /// A bulk call of NDJSON.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) async fn load(&self, schema: &str, lines: Bytes) -> Result<()> {
        self.call(Method::POST, &format!("/api/v1/records/{schema}/bulk"), "application/x-ndjson", lines).await?;
        Ok(())
    }

    /// Asks for a path, and gives the answer whose body is still to be read.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) async fn call(&self, method: Method, path: &str, media_type: &str, body: Bytes) -> Result<Response> {
        let mut request = self.client.request(method, format!("{}{path}", self.host));
        if !media_type.is_empty() {
            request = request.header("Content-Type", media_type).body(body);
        }
        checked(request.send().await?, path).await
    }
}

/// An answer of success.
///
/// # Errors
/// Says what answered, and what it said, when it is none.
pub(crate) async fn checked(response: Response, what: &str) -> Result<Response> {
    let status = response.status();
    if !status.is_success() {
        bail!("{what} answered {status}: {}", response.text().await?)
    }
    Ok(response)
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Nothing is left to be told about a load test that broke off.
            let _ = Command::new("kill").args(["-TERM", &process.pid.to_string()]).status();
            let _ = process.child.wait();
        }
    }
}
