//! The same measurements with more and more records: what grows, and how fast.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Args;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::Value;

use super::{get, lines_in, loaded, measured, post, without_writes};
use crate::attack::{Load, Work};
use crate::command_line::{Common, time};
use crate::flights::{AIRCRAFT, schema, tail_number};
use crate::report::{Figure, Figures, Report, float, server_figures};
use crate::server::Server;
use crate::watch::Watch;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Records, a step each.
    #[arg(long, value_delimiter = ',', default_value = "1000000,10000000")]
    records: Vec<usize>,
    /// Clients of small reads at once.
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// How long they ask, for each kind of read.
    #[arg(long, value_parser = time, default_value = "8s")]
    time: Duration,
}

/// Each read is one that no answer is kept of.
const NEEDED: &[(&str, &str)] = &[("EIDER_LIMITS_ANSWER_CACHE", "0B")];
/// Ids that are read, each of a record anywhere in the schema.
const IDS: usize = 20_000;
/// Different pages and aggregations.
const QUERIES: usize = 1_000;

pub(crate) async fn run(options: &Options) -> Result<Report> {
    let Options { common, records, clients, time } = options;
    let mut report = Report::new("growth", "As records grow in number", "records");
    report.notes.extend(common.note(NEEDED));
    report.notes.push(format!(
        "Indexes on `carrier` and `tailnum`; the server is started anew after it was filled; {clients} clients. Each of \
         {IDS} ids is read once at most; pages and aggregations have {QUERIES} different values. The ratio is to the first row: \
         of seconds, or else of the slowest hundredth."
    ));
    for count in records.iter().copied() {
        let mut server = common.server(NEEDED)?;
        let watch = Watch::over(&server);
        let definition = schema("growth", &["carrier", "tailnum"]);
        let figures = loaded(&server, watch.as_ref(), &definition, count, common.seed).await?;
        push(&mut report, "load, bulk calls of 100,000", count, figures, Figure::Seconds);
        drop(watch);

        if common.host.is_none() {
            server = server.restart(&common.binary()?, &common.settings(NEEDED))?;
            let figures = Figures::from([(Figure::Seconds, server.started_in.as_secs_f64())]);
            push(&mut report, "start", count, figures, Figure::Seconds);
        }
        let watch = Watch::over(&server);
        let load = Load { clients: *clients, time: *time, calls: None };
        let ids = ids(&server, count, common.seed).await?;
        let one = Load { calls: Some(IDS / clients.max(&1)), ..load };
        for (series, load, paths) in [
            ("one record by id", one, ids.iter().map(|id| format!("/api/v1/records/growth/{id}")).collect::<Vec<_>>()),
            ("a page of 100 of an unordered key", load, pages(common.seed)),
            ("a page of 100 of an indexed key", load, looked_up(common.seed)),
            ("group by carrier: count, mean, maximum", load, Vec::new()),
        ] {
            let work = if paths.is_empty() { aggregations(common.seed) } else { get(paths, 0) };
            let (_, mut figures) = measured(&server, watch.as_ref(), load, work).await?;
            without_writes(&mut figures);
            push(&mut report, series, count, figures, Figure::P99);
        }
        let mark = watch.as_ref().map(Watch::mark);
        let began = Instant::now();
        let (lines, bytes, first) = stream(&server).await?;
        let seconds = began.elapsed().as_secs_f64();
        let mut figures = Figures::from([
            (Figure::Records, float(lines)),
            (Figure::Seconds, seconds),
            (Figure::RecordsPerSecond, float(lines) / seconds),
            (Figure::MegabytesPerSecond, float(bytes) / 1e6 / seconds),
            (Figure::FirstByte, first.as_secs_f64() * 1e3),
        ]);
        if let Some((watch, mark)) = watch.as_ref().zip(mark) {
            figures.extend(server_figures(watch.since(mark)));
            report.course(format!("a stream of {count} records"), &watch.samples_since(mark));
        }
        push(&mut report, "everything as NDJSON", count, figures, Figure::Seconds);
        drop(watch);
        server.stop()?;
    }
    report.plot_courses("memory", "Resident memory during a stream of everything");
    Ok(report)
}

/// Adds a step with what one of its figures is to that of the first of its series.
fn push(report: &mut Report, series: &str, count: usize, mut figures: Figures, compared: Figure) {
    let first = report.steps.iter().find(|step| step.series == series).map_or(&figures, |step| &step.figures);
    if let (Some(first), Some(this)) = (first.get(&compared), figures.get(&compared)) {
        let ratio = this / first;
        figures.insert(Figure::Ratio, ratio);
    }
    report.push(series, Figure::Records.text(float(u64::try_from(count).unwrap_or(u64::MAX))), 0.0, figures);
}

/// Ids of records from all over the schema, in random order.
async fn ids(server: &Server, count: usize, seed: u64) -> Result<Vec<String>> {
    let path = "/api/v1/records/growth/stream?fields=id";
    let mut response = server.call(Method::GET, path, "", Bytes::new()).await?;
    let (mut random, mut ids) = (StdRng::seed_from_u64(seed), Vec::new());
    let (mut line, mut lines) = (Vec::new(), 0_usize);
    while let Some(chunk) = response.chunk().await? {
        for byte in chunk {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            lines += 1;
            if random.random_range(0..count) < IDS {
                let record: Value = serde_json::from_slice(&line)?;
                ids.push(record["id"].as_str().context("a record has an id")?.to_owned());
            }
            line.clear();
        }
    }
    anyhow::ensure!(lines == count, "{lines} records of {count}");
    for last in (1..ids.len()).rev() {
        ids.swap(last, random.random_range(0..=last));
    }
    Ok(ids)
}

fn pages(seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut page = || {
        let (flight, delay) = (random.random_range(0..5_000), random.random_range(0..150));
        format!(
            "/api/v1/records/growth?origin.eq=JFK&dep_delay.gt={delay}&flight.gt={flight}&sort=-arr_delay,id&limit=100"
        )
    };
    (0..QUERIES).map(|_| page()).collect()
}

fn looked_up(seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut page = || {
        let aircraft = tail_number(random.random_range(0..AIRCRAFT));
        format!("/api/v1/records/growth?tailnum.eq={aircraft}&limit=100")
    };
    (0..QUERIES).map(|_| page()).collect()
}

fn aggregations(seed: u64) -> Work {
    let mut random = StdRng::seed_from_u64(seed);
    let mut query = || {
        let flight = random.random_range(0..4_000);
        serde_json::json!({
            "where": {"field": "flight", "op": "gt", "value": flight},
            "group_by": ["carrier"],
            "aggregate": [{"fn": "count", "as": "n"}, {"fn": "avg", "field": "dep_delay", "as": "mean"},
                          {"fn": "max", "field": "arr_delay", "as": "most"}]
        })
    };
    let bodies = (0..QUERIES).map(|_| Bytes::from(query().to_string())).collect();
    post("/api/v1/records/growth/query", "application/json", 0, bodies)
}

/// Lines and bytes of a stream of everything, and the time to its first byte.
async fn stream(server: &Server) -> Result<(u64, u64, Duration)> {
    let began = Instant::now();
    let mut response = server.call(Method::GET, "/api/v1/records/growth/stream", "", Bytes::new()).await?;
    let (mut lines, mut bytes, mut first) = (0, 0, None);
    while let Some(chunk) = response.chunk().await? {
        first.get_or_insert_with(|| began.elapsed());
        lines += lines_in(&chunk);
        bytes += u64::try_from(chunk.len())?;
    }
    Ok((lines, bytes, first.unwrap_or_default()))
}
