//! Filters and sorts on properties without an index, and the same with one: what an index buys, and what it costs.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{get, loaded, measured, post, split, without_writes};
use crate::attack::Load;
use crate::command_line::{Common, time};
use crate::flights::{AIRCRAFT, Flights, schema, tail_number};
use crate::report::{Figure, Report, float};
use crate::watch::Watch;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Records that are stored.
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// Clients at once.
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// How long clients ask, for each kind of query.
    #[arg(long, value_parser = time, default_value = "6s")]
    time: Duration,
}

/// The properties that have an index, when there are any.
const INDEXED: &[&str] = &["tailnum", "time_hour", "dep_delay"];
/// Each query is one that no answer is kept of.
const NEEDED: &[(&str, &str)] = &[("EIDER_LIMITS_ANSWER_CACHE", "0B")];
/// Different queries of a kind.
const QUERIES: usize = 500;
/// Different records for single creations.
const RECORDS: usize = 5_000;

pub(crate) async fn run(options: &Options) -> Result<Report> {
    let Options { common, records, clients, time } = options;
    let mut report = Report::new("queries", "Queries with and without an index", "query");
    report.notes.extend(common.note(NEEDED));
    report.notes.push(format!(
        "{records} records, {clients} clients; indexes on `tailnum`, `time_hour` and `dep_delay`, or none. A page has 100 \
         records at most; {QUERIES} different queries of each kind. The ratio is the median without an index to that with one."
    ));
    let mut medians = Vec::new();
    for (series, indexed) in [("no index", &[][..]), ("three indexes", INDEXED)] {
        let mut server = common.server(NEEDED)?;
        let watch = Watch::over(&server);
        let loaded = loaded(&server, watch.as_ref(), &schema("queries", indexed), *records, common.seed).await?;
        let load = Load { clients: *clients, time: *time, calls: None };
        for (at, (label, paths)) in kinds(common.seed).into_iter().enumerate() {
            let (outcome, mut figures) = measured(&server, watch.as_ref(), load, get(paths, 0)).await?;
            without_writes(&mut figures);
            if indexed.is_empty() {
                medians.push(outcome.whole.p50);
            } else {
                figures.insert(Figure::Ratio, medians[at] / outcome.whole.p50);
            }
            report.push(series, label, float(u64::try_from(at + 1)?), figures);
        }
        let single = split(&Flights::new(common.seed + 1)?.lines(RECORDS));
        let work = post("/api/v1/records/queries", "application/json", 1, single);
        let (_, created) = measured(&server, watch.as_ref(), Load { clients: 16, ..load }, work).await?;
        for (label, figures) in [("bulk calls of 100,000", loaded), ("single records, 16 clients", created)] {
            report.push("writes meanwhile", format!("{label}, {series}"), 0.0, figures);
        }
        drop(watch);
        server.stop()?;
    }
    report.plot("median", "A page takes, by the row of the table", "row", Figure::P50, false);
    Ok(report)
}

/// The kinds of queries, each with different values.
fn kinds(seed: u64) -> Vec<(&'static str, Vec<String>)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut paths = |query: &mut dyn FnMut(&mut StdRng) -> String| -> Vec<String> {
        (0..QUERIES).map(|_| format!("/api/v1/records/queries?{}", query(&mut random))).collect()
    };
    let aircraft = |random: &mut StdRng| tail_number(random.random_range(0..AIRCRAFT));
    let day = |random: &mut StdRng| (random.random_range(1..=11), random.random_range(1..=27));
    vec![
        ("`tailnum.eq`, one record in 4,000", paths(&mut |random| format!("tailnum.eq={}", aircraft(random)))),
        (
            "`tailnum.in`, three of them",
            paths(&mut |random| format!("tailnum.in={},{},{}", aircraft(random), aircraft(random), aircraft(random))),
        ),
        (
            "`tailnum.eq`, `sort=-time_hour`",
            paths(&mut |random| format!("tailnum.eq={}&sort=-time_hour", aircraft(random))),
        ),
        ("`tailnum.eq`, `origin.eq`", paths(&mut |random| format!("tailnum.eq={}&origin.eq=JFK", aircraft(random)))),
        (
            "`time_hour` within an hour",
            paths(&mut |random| {
                let (month, day) = day(random);
                format!(
                    "time_hour.gte=2013-{month:02}-{day:02}T12:00:00Z&time_hour.lt=2013-{month:02}-{day:02}T13:00:00Z"
                )
            }),
        ),
        (
            "`dep_delay.gt=175`, one in 50, `sort=-dep_delay`",
            paths(&mut |random| {
                format!("dep_delay.gt=175&flight.gt={}&sort=-dep_delay", random.random_range(0..8_000))
            }),
        ),
        (
            "`sort=-time_hour` of everything",
            paths(&mut |random| format!("flight.gt={}&sort=-time_hour", random.random_range(0..500))),
        ),
        ("`flight.eq`, never indexed", paths(&mut |random| format!("flight.eq={}", random.random_range(1..9_000)))),
    ]
}
