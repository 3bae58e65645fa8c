//! The same work done by stores that one would use instead, on the same machine in one run.

mod clickhouse;
mod datasette;
mod duck;
mod eider;
mod postgres;
mod process;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::attack::Times;
use crate::command_line::{Common, time};
use crate::flights::{AIRCRAFT, Flights, tail_number};
use crate::report::{Figure, Figures, Report, float, megabytes};
use crate::scenarios::{lines_in, split};
use crate::watch::proportional_bytes;

#[derive(Debug, Args)]
pub(crate) struct CompareOptions {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Stores that are compared with Eider.
    #[arg(long, value_delimiter = ',', default_value = "eider,duckdb,postgres,clickhouse,datasette")]
    stores: Vec<Peer>,
    /// Records that are loaded, streamed and read.
    #[arg(long, default_value_t = 300_000)]
    records: usize,
    /// How often everything is done anew, the stores in turn; figures are medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long clients ask, for each kind of small request.
    #[arg(long, value_parser = time, default_value = "4s")]
    time: Duration,
}

/// A store that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Peer {
    Eider,
    Duckdb,
    Postgres,
    Clickhouse,
    Datasette,
}

/// A store that holds flights, with an id that it gives each and an index on `tailnum` where it has indexes.
#[async_trait]
trait Store: Send + Sync {
    /// Its name and version.
    fn label(&self) -> String;
    /// How it was configured, and what is not the same.
    fn configuration(&self) -> String;
    /// Its process; `None` when it runs in the client's.
    fn pid(&self) -> Option<u32>;
    /// Stores the flights of one call, durably.
    async fn load(&self, lines: Bytes) -> Result<()>;
    /// Stores one flight, durably.
    async fn create(&self, client: usize, flight: Bytes) -> Result<()>;
    /// Reads everything as lines of JSON: records and bytes.
    async fn everything(&self) -> Result<(u64, u64)>;
    /// Ids of so many records.
    async fn ids(&self, count: usize) -> Result<Vec<String>>;
    /// Reads one record whole.
    async fn one(&self, client: usize, id: &str) -> Result<()>;
    /// Reads the first 100 flights of an origin with a departure delay over some minutes, by arrival delay, descending.
    async fn page(&self, client: usize, origin: &str, delay: i32) -> Result<()>;
    /// Reads up to 100 flights of an aircraft.
    async fn aircraft(&self, client: usize, tail_number: &str) -> Result<()>;
    /// Count, mean departure delay and greatest arrival delay of each carrier, of flights with a number over one.
    async fn groups(&self, client: usize, flight: i32) -> Result<()>;
}

/// Records of a bulk call.
const CALL_RECORDS: usize = 100_000;
/// Clients of small requests at once; fewer where one takes much of the machine.
const CLIENTS: usize = 16;
const FEW_CLIENTS: usize = 4;
/// Different ids and queries.
const DIFFERENT: usize = 5_000;

/// What is done, in this order; the name of a series.
const LOAD: &str = "bulk calls of 100,000 records";
const EVERYTHING: &str = "everything as lines of JSON";
const CREATE: &str = "single creations, 16 clients";
const ONE: &str = "one record by id, 16 clients";
const AIRCRAFT_PAGE: &str = "records of an indexed key, 16 clients";
const PAGE: &str = "page of 100, two filters, sorted, 4 clients";
const GROUPS: &str = "group by carrier, 4 clients";
const SERIES: [&str; 7] = [LOAD, EVERYTHING, CREATE, ONE, AIRCRAFT_PAGE, PAGE, GROUPS];

/// Figures of each series and store, one for each round.
type Found = BTreeMap<(usize, usize), Vec<Figures>>;

pub(crate) async fn run(options: &CompareOptions) -> Result<Report> {
    let CompareOptions { common, stores, records, rounds, time } = options;
    let mut report = Report::new("compare", "Beside other stores", "store");
    report.notes.push(format!(
        "{records} flights of 19 properties; each store gives its own ids and has an index on `tailnum`. One client program \
         for all, on the same machine. Medians of {rounds} round(s), the stores in turn. The ratio is Eider's to the other's: \
         over 1, Eider does more. Every query has a value of its own. Resident memory is the most that the \
         store's processes had through all of it, shared pages counted once."
    ));
    let mut flights = Flights::new(common.seed)?;
    let calls: Vec<Bytes> =
        (0..records.div_ceil(CALL_RECORDS)).map(|_| flights.lines(CALL_RECORDS.min(*records))).collect();
    let singles = Arc::new(split(&flights.lines(DIFFERENT)));
    let (mut found, mut labels) = (Found::new(), BTreeMap::new());
    for round in 0..*rounds {
        for (index, peer) in stores.iter().enumerate() {
            let store = start(*peer, common).await?;
            if round == 0 {
                report.notes.push(format!("**{}**: {}", store.label(), store.configuration()));
                labels.insert(index, store.label());
            }
            let peak = Peak::of(store.pid());
            for (series, figures) in measure(&store, &calls, &singles, *time, common.seed).await? {
                let mut figures = figures;
                figures.extend(peak.so_far().map(|bytes| (Figure::ResidentPeak, megabytes(bytes))));
                tell(round, &labels[&index], SERIES[series], &figures);
                found.entry((series, index)).or_default().push(figures);
            }
        }
    }
    for (series, name) in SERIES.iter().enumerate() {
        let ours = stores.iter().position(|peer| *peer == Peer::Eider).and_then(|index| found.get(&(series, index)));
        let ours = ours.map(|rounds| rate(&median(rounds)));
        for (index, label) in &labels {
            let Some(rounds) = found.get(&(series, *index)) else { continue };
            let mut figures = median(rounds);
            figures.extend(ours.map(|ours| (Figure::Ratio, ours / rate(&figures))));
            report.push(name, label, 0.0, figures);
        }
    }
    Ok(report)
}

#[expect(clippy::print_stderr, reason = "a run of minutes shows where it is")]
fn tell(round: usize, store: &str, series: &str, figures: &Figures) {
    eprintln!("round {}, {store}, {series}: {:.1}/s", round + 1, rate(figures));
}

async fn start(peer: Peer, common: &Common) -> Result<Arc<dyn Store>> {
    Ok(match peer {
        Peer::Eider => Arc::new(eider::Eider::start(common).await?),
        Peer::Duckdb => Arc::new(duck::DuckDb::open(&common.data_dir, CLIENTS)?),
        Peer::Postgres => Arc::new(postgres::Postgres::start(&common.data_dir, CLIENTS).await?),
        Peer::Clickhouse => Arc::new(clickhouse::ClickHouse::start(&common.data_dir).await?),
        Peer::Datasette => Arc::new(datasette::Datasette::start(&common.data_dir).await?),
    })
}

/// Everything that is done to a store, and what it took.
async fn measure(
    store: &Arc<dyn Store>,
    calls: &[Bytes],
    singles: &Arc<Vec<Bytes>>,
    time: Duration,
    seed: u64,
) -> Result<Vec<(usize, Figures)>> {
    let records = u64::try_from(calls.iter().map(|call| split(call).len()).sum::<usize>())?;
    let sent: usize = calls.iter().map(Bytes::len).sum();
    let began = Instant::now();
    for call in calls {
        store.load(call.clone()).await?;
    }
    let mut found = vec![(0, moved(records, u64::try_from(sent)?, began.elapsed()))];
    let began = Instant::now();
    let (lines, bytes) = store.everything().await?;
    anyhow::ensure!(lines == records, "{} holds {lines} records of {records}", store.label());
    found.push((1, moved(lines, bytes, began.elapsed())));

    let ids = Arc::new(store.ids(DIFFERENT).await?);
    let mut random = StdRng::seed_from_u64(seed);
    let values: Arc<Vec<i32>> = Arc::new((0..DIFFERENT).map(|_| random.random_range(0..4_000)).collect());
    let (singles, owned) = (Arc::clone(singles), Arc::clone(store));
    let create = drive(CLIENTS, time, move |client, number| {
        let (store, flight) = (Arc::clone(&owned), singles[number % singles.len()].clone());
        async move { store.create(client, flight).await }
    });
    found.push((2, create.await?));
    let owned = Arc::clone(store);
    let one = drive(CLIENTS, time, move |client, number| {
        let (store, ids) = (Arc::clone(&owned), Arc::clone(&ids));
        async move { store.one(client, &ids[number % ids.len()]).await }
    });
    found.push((3, one.await?));
    let (owned, numbers) = (Arc::clone(store), Arc::clone(&values));
    let aircraft = drive(CLIENTS, time, move |client, number| {
        let (store, aircraft) = (Arc::clone(&owned), numbers[number % numbers.len()].unsigned_abs() % AIRCRAFT);
        async move { store.aircraft(client, &tail_number(aircraft)).await }
    });
    found.push((4, aircraft.await?));
    let (owned, numbers) = (Arc::clone(store), Arc::clone(&values));
    let page = drive(FEW_CLIENTS, time, move |client, number| {
        let (store, value) = (Arc::clone(&owned), numbers[number % numbers.len()]);
        let origin = ["EWR", "JFK", "LGA"][number % 3];
        async move { store.page(client, origin, value % 150).await }
    });
    found.push((5, page.await?));
    let (owned, numbers) = (Arc::clone(store), values);
    let groups = drive(FEW_CLIENTS, time, move |client, number| {
        let (store, value) = (Arc::clone(&owned), numbers[number % numbers.len()]);
        async move { store.groups(client, value).await }
    });
    found.push((6, groups.await?));
    Ok(found)
}

/// Lets clients ask one thing after the other for some time. The first failure ends it.
async fn drive<F, A>(clients: usize, time: Duration, ask: F) -> Result<Figures>
where
    F: Fn(usize, usize) -> A + Clone + Send + 'static,
    A: Future<Output = Result<()>> + Send,
{
    let whole: Histogram<u64> = Histogram::new_with_max(3_600_000_000, 3).map_err(|error| anyhow!("{error}"))?;
    let whole = Arc::new(Mutex::new(whole));
    let began = Instant::now();
    let tasks = (0..clients).map(|client| {
        let (ask, whole) = (ask.clone(), Arc::clone(&whole));
        tokio::spawn(async move {
            let mut number = client;
            while began.elapsed() < time {
                let asked = Instant::now();
                ask(client, number).await?;
                let micros = u64::try_from(asked.elapsed().as_micros())?.max(1);
                whole.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
                number += clients;
            }
            anyhow::Ok(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let whole = whole.lock().unwrap_or_else(PoisonError::into_inner);
    let times = Times::of(&whole);
    Ok(Figures::from([
        (Figure::CallsPerSecond, float(whole.len()) / seconds),
        (Figure::P50, times.p50),
        (Figure::P99, times.p99),
    ]))
}

fn moved(records: u64, bytes: u64, took: Duration) -> Figures {
    let seconds = took.as_secs_f64();
    Figures::from([
        (Figure::RecordsPerSecond, float(records) / seconds),
        (Figure::MegabytesPerSecond, megabytes(bytes) / seconds),
    ])
}

/// What is compared: records, or calls, a second.
fn rate(figures: &Figures) -> f64 {
    let rate = figures.get(&Figure::RecordsPerSecond).or_else(|| figures.get(&Figure::CallsPerSecond));
    rate.copied().unwrap_or(f64::NAN)
}

/// Each figure's median.
fn median(rounds: &[Figures]) -> Figures {
    let figures = rounds.first().into_iter().flat_map(Figures::keys);
    let middle = |figure: &Figure| {
        let mut values: Vec<f64> = rounds.iter().filter_map(|round| round.get(figure)).copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    figures.map(|figure| (*figure, middle(figure))).collect()
}

/// The most that a process was seen to hold, sampled ten times a second until it is dropped.
struct Peak {
    bytes: Arc<AtomicU64>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Peak {
    fn of(pid: Option<u32>) -> Self {
        let bytes = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&bytes);
        let task = pid.map(|pid| {
            tokio::spawn(async move {
                loop {
                    let now: u64 = process::family(pid).into_iter().map(proportional_bytes).sum();
                    seen.fetch_max(now, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
        });
        Self { bytes, task }
    }

    fn so_far(&self) -> Option<u64> {
        self.task.is_some().then(|| self.bytes.load(Ordering::Relaxed))
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The properties of a flight, without its id.
const COLUMNS: [(&str, Kind); 19] = [
    ("year", Kind::Integer),
    ("month", Kind::Integer),
    ("day", Kind::Integer),
    ("dep_time", Kind::Integer),
    ("sched_dep_time", Kind::Integer),
    ("dep_delay", Kind::Integer),
    ("arr_time", Kind::Integer),
    ("sched_arr_time", Kind::Integer),
    ("arr_delay", Kind::Integer),
    ("carrier", Kind::Text),
    ("flight", Kind::Integer),
    ("tailnum", Kind::Text),
    ("origin", Kind::Text),
    ("dest", Kind::Text),
    ("air_time", Kind::Integer),
    ("distance", Kind::Integer),
    ("hour", Kind::Integer),
    ("minute", Kind::Integer),
    ("time_hour", Kind::Instant),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Integer,
    Text,
    Instant,
}

impl Kind {
    fn name<'a>(self, integer: &'a str, text: &'a str, instant: &'a str) -> &'a str {
        match self {
            Self::Integer => integer,
            Self::Text => text,
            Self::Instant => instant,
        }
    }
}

/// The columns of a table in SQL, with the types of a store.
fn columns(integer: &str, text: &str, instant: &str) -> String {
    COLUMNS.map(|(name, kind)| format!("{name} {}", kind.name(integer, text, instant))).join(", ")
}

fn page_sql(origin: &str, delay: i32) -> String {
    format!("SELECT * FROM flights WHERE origin = '{origin}' AND dep_delay > {delay} ORDER BY arr_delay DESC LIMIT 100")
}

fn aircraft_sql(tail_number: &str) -> String {
    format!("SELECT * FROM flights WHERE tailnum = '{tail_number}' LIMIT 100")
}

fn groups_sql(flight: i32) -> String {
    format!(
        "SELECT carrier, count(*) AS n, avg(dep_delay) AS mean, max(arr_delay) AS most FROM flights WHERE flight > {flight} \
         GROUP BY carrier ORDER BY carrier"
    )
}

/// Lines and bytes of an answer that is read and thrown away.
async fn count_lines(mut response: reqwest::Response) -> Result<(u64, u64)> {
    let (mut lines, mut bytes) = (0, 0);
    while let Some(chunk) = response.chunk().await? {
        lines += lines_in(&chunk);
        bytes += u64::try_from(chunk.len())?;
    }
    Ok((lines, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_each_figure() {
        let round = |rate: f64, p99: f64| Figures::from([(Figure::CallsPerSecond, rate), (Figure::P99, p99)]);
        assert_eq!(median(&[round(1.0, 9.0), round(3.0, 7.0), round(2.0, 8.0)]), round(2.0, 8.0));
    }

    #[tokio::test]
    async fn a_failure_ends_the_drive() {
        let failed = drive(2, Duration::from_mins(1), |_, number| async move {
            anyhow::ensure!(number < 10, "the tenth fails");
            Ok(())
        });
        assert!(failed.await.is_err());
    }
}
