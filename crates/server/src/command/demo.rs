//! `eider demo`: the API shown on real data, call by call.

mod call;

use std::fs;
use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use eider_http_api::DroppedLines;
use reqwest::StatusCode;
use serde_json::Value as Json;

use super::serve::stop_signal;
use crate::settings::Settings;
use crate::wiring::Server;
use call::{Call, Shown};

/// A schema for the sample.
const SCHEMA: &str = include_str!("../../../../samples/flights.schema.json");
/// Real flights, a JSON object a line.
const FLIGHTS: &str = include_str!("../../../../samples/flights.ndjson");

/// Serves a fresh store, shows what it does, and goes on serving until Ctrl-C.
pub(crate) async fn run(listen: SocketAddr, data_dir: Option<PathBuf>) -> Result<()> {
    let temporary = tempfile::tempdir().context("cannot create a temporary directory")?;
    let data_dir = match data_dir {
        Some(directory) => {
            let is_used = directory.try_exists().context("cannot look at the data directory")?
                && directory.read_dir().context("the data directory is not a directory")?.next().is_some();
            ensure!(!is_used, "{} is not empty; the demo wants a new directory", directory.display());
            directory
        }
        None => temporary.path().join("data"),
    };
    let samples = Samples::write(temporary.path())?;
    let mut settings = Settings::default();
    settings.process.listen = listen;
    settings.process.data_dir = data_dir;
    settings.http.shutdown_grace = Duration::from_secs(2);

    let signal = stop_signal()?;
    let server = match Server::open(&settings, DroppedLines::default()).await {
        Err(error) if is_address_in_use(&error) => {
            writeln!(stdout(), "{listen} is taken; taking a free port.")?;
            settings.process.listen.set_port(0);
            Server::open(&settings, DroppedLines::default()).await?
        }
        other => other?,
    };
    let base = format!("http://{}", server.address());
    let stopper = server.stopper();
    let running = tokio::spawn(server.run());

    let shown = show(&base, &samples).await;
    if shown.is_ok() {
        end(&base)?;
        signal.await;
    }
    stopper.stop().await;
    running.await.context("the server ended early")??;
    shown
}

fn is_address_in_use(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::AddrInUse)
}

/// What the calls send, in files for the lines that are printed.
struct Samples {
    schema: PathBuf,
    flights: PathBuf,
}

impl Samples {
    fn write(directory: &Path) -> Result<Self> {
        let directory = path::absolute(directory).context("the temporary directory has no absolute path")?;
        let write = |name: &str, text: &str| {
            let file = directory.join(name);
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            Ok::<_, anyhow::Error>(file)
        };
        Ok(Self { schema: write("flights.schema.json", SCHEMA)?, flights: write("flights.ndjson", FLIGHTS)? })
    }
}

/// Says what to do next.
fn end(base: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "\nServing on {base} until Ctrl-C; the lines above work in another terminal, in any directory.")?;
    writeln!(out, "A second time the schema exists (409), and loading is answered as before and stores nothing.")?;
    writeln!(out, "A page to read and try the API:  {base}/docs")?;
    writeln!(out, "The description of the API:      {base}/openapi.json")?;
    Ok(out.flush()?)
}

async fn show(base: &str, samples: &Samples) -> Result<()> {
    let flights = FLIGHTS.lines().count();
    writeln!(stdout(), "eider demo: {flights} flights that left New York City on 1-3 January 2013")?;

    Call::post("Define a schema", "/api/v1/schemas", "application/json", SCHEMA)
        .in_file(&samples.schema)
        .expect(StatusCode::CREATED)
        .show(base)
        .await?;

    let loaded = Call::post(
        "Load all records in one call: all or nothing",
        "/api/v1/records/flights/bulk",
        "application/x-ndjson",
        FLIGHTS,
    )
    .in_file(&samples.flights)
    .once("load-flights")
    .expect(StatusCode::CREATED)
    .show(base)
    .await?;
    expect_count(&loaded, "/created", flights)?;

    let late = Call::get(
        "Who left more than two hours late? The five worst",
        "/api/v1/records/flights?dep_delay.gt=120&sort=-dep_delay&limit=5&fields=time_hour,carrier,flight,origin,dest,dep_delay",
    )
    .show(base)
    .await?;
    ensure!(late.rows == 5, "expected 5 flights, got {}", late.rows);

    let count =
        Call::get("How many were cancelled?", "/api/v1/records/flights/count?dep_time.is_null=true").show(base).await?;
    expect_count(&count, "/count", FLIGHTS.lines().filter(|line| line.contains("\"dep_time\":null")).count())?;

    Call::post(
        "A bad record is refused, with everything that is wrong with it",
        "/api/v1/records/flights",
        "application/json",
        r#"{"year": 2013, "month": 13, "carrier": "ua", "flight": "12", "planet": "Mars"}"#,
    )
    .expect(StatusCode::UNPROCESSABLE_ENTITY)
    .show(base)
    .await?;

    let streamed = Call::get("Read everything: one snapshot, constant memory", "/api/v1/records/flights/stream")
        .show(base)
        .await?;
    ensure!(streamed.rows == flights, "expected {flights} lines, got {}", streamed.rows);
    Ok(())
}

fn expect_count(shown: &Shown, pointer: &str, expected: usize) -> Result<()> {
    let document: Json = serde_json::from_str(&shown.body).context("the answer is not JSON")?;
    let found = document.pointer(pointer).and_then(Json::as_u64);
    ensure!(found == Some(expected as u64), "expected {pointer} to be {expected}, got {found:?}");
    Ok(())
}
