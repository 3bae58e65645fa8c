//! One setting after another, a few values of each: the same small load under each, so that defaults can be chosen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;

use super::{fill, get, measured, post, split};
use crate::attack::Load;
use crate::command_line::{Common, time};
use crate::flights::{Flights, schema};
use crate::report::{Figure, Figures, Report, float, megabytes};
use crate::server::Server;
use crate::watch::Watch;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Records that are stored and streamed.
    #[arg(long, default_value_t = 500_000)]
    records: usize,
    /// How long clients ask, for creations and for pages.
    #[arg(long, value_parser = time, default_value = "4s")]
    time: Duration,
    /// Only settings whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// How often each value is measured, in turns; the medians are reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// What is varied. The first value of each is the default.
const VARIED: &[(&str, &[&str])] = &[
    ("EIDER_STORAGE_THREADS", &["auto", "1", "2", "4"]),
    ("EIDER_STORAGE_MEMORY_LIMIT", &["auto", "256 MiB", "512 MiB", "2 GiB"]),
    ("EIDER_POOL_SIZE", &["32", "4", "8", "128"]),
    ("EIDER_COMMITS_MAX_CHANGES", &["1024", "1", "16", "128"]),
    (SCAN_BATCH, &["512 KiB", "64 KiB", "2 MiB", "8 MiB"]),
    (BULK_BATCH, &["4 MiB", "512 KiB", "1 MiB", "16 MiB"]),
];
/// Of these the rows are lifted, so that bytes alone decide.
const SCAN_BATCH: &str = "EIDER_STORAGE_SCAN_BATCH";
const BULK_BATCH: &str = "EIDER_LIMITS_BULK_BATCH";
const ROWS: &str = "1000000";
/// Clients of creations and of pages.
const CLIENTS: usize = 64;
/// Different records and pages.
const DIFFERENT: usize = 5_000;

pub(crate) async fn run(options: &Options) -> Result<Report> {
    let Options { common, records, time, only, rounds } = options;
    let mut report = Report::new("settings", "Settings", "value");
    report.notes.push(format!(
        "Each on a new server: {records} records in bulk calls of 100,000 with two indexes, and a stream of them as \
         NDJSON. Then {CLIENTS} clients that create records, and {CLIENTS} that read filtered and sorted pages of \
         which none is kept. The first row of each table is the default. Figures are medians of {rounds}, measured \
         in turns."
    ));
    for (name, values) in VARIED.iter().filter(|(name, _)| only.as_ref().is_none_or(|part| name.contains(part))) {
        let mut measured = vec![Vec::new(); values.len()];
        for _ in 0..*rounds {
            for (value, measured) in values.iter().zip(&mut measured) {
                let mut needed = vec![(*name, *value), ("EIDER_LIMITS_ANSWER_CACHE", "0B")];
                if let (SCAN_BATCH | BULK_BATCH, true) = (*name, *value != values[0]) {
                    let is_scan = *name == SCAN_BATCH;
                    let rows = if is_scan { "EIDER_STORAGE_SCAN_BATCH_ROWS" } else { "EIDER_LIMITS_BULK_BATCH_ROWS" };
                    needed.push((rows, ROWS));
                }
                measured.push(under(common, &needed, *records, *time).await?);
            }
        }
        for (value, measured) in values.iter().zip(&measured) {
            report.push(&setting(name), *value, 0.0, medians(measured));
        }
    }
    Ok(report)
}

/// The median of each figure; of an even number the greater of the two in the middle.
fn medians(measured: &[Figures]) -> Figures {
    let figures = measured.iter().flat_map(BTreeMap::keys).copied();
    let median = |figure| {
        let mut values: Vec<f64> = measured.iter().filter_map(|figures| figures.get(&figure).copied()).collect();
        values.sort_by(f64::total_cmp);
        (figure, values[values.len() / 2])
    };
    figures.map(median).collect()
}

/// The name of a setting in the file, from that in the environment.
fn setting(variable: &str) -> String {
    let name = variable.trim_start_matches("EIDER_").to_lowercase();
    format!("`{}`", name.replacen('_', ".", 1))
}

async fn under(common: &Common, needed: &[(&str, &str)], records: usize, time: Duration) -> Result<Figures> {
    let mut server = common.server(needed)?;
    let watch = Watch::over(&server);
    let mark = watch.as_ref().map(Watch::mark);
    let rate = |took: Duration| u64::try_from(records).map(|records| float(records) / took.as_secs_f64());
    let definition = schema("settings", &["carrier", "tailnum"]);
    let loaded = rate(fill(&server, &definition, records, common.seed).await?)?;
    let began = Instant::now();
    read(&server).await?;
    let streamed = rate(began.elapsed())?;
    let load = Load { clients: CLIENTS, time, calls: None };
    let single = split(&Flights::new(common.seed + 1)?.lines(DIFFERENT));
    let (created, _) =
        measured(&server, watch.as_ref(), load, post("/api/v1/records/settings", "application/json", 1, single))
            .await?;
    let (paged, _) = measured(&server, watch.as_ref(), load, get(pages(common.seed), 0)).await?;
    let peak = watch.as_ref().zip(mark).map(|(watch, mark)| watch.since(mark).resident_peak);
    drop(watch);
    server.stop()?;
    let mut figures = Figures::from([
        (Figure::Loaded, loaded),
        (Figure::Streamed, streamed),
        (Figure::Created, float(created.answered) / created.seconds),
        (Figure::CreatedP99, created.whole.p99),
        (Figure::Paged, float(paged.answered) / paged.seconds),
        (Figure::PagedP99, paged.whole.p99),
    ]);
    figures.extend(peak.map(|bytes| (Figure::ResidentPeak, megabytes(bytes))));
    figures.insert(Figure::Refused, float(created.refused + paged.refused));
    figures.insert(Figure::Failed, float(created.failed + paged.failed));
    Ok(figures)
}

async fn read(server: &Server) -> Result<()> {
    let mut response =
        server.call(Method::GET, "/api/v1/records/settings/stream?format=ndjson", "", Bytes::new()).await?;
    while response.chunk().await?.is_some() {}
    Ok(())
}

fn pages(seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut page =
        || format!("/api/v1/records/settings?dep_delay.gt={}&sort=-arr_delay&limit=100", random.random_range(0..170));
    (0..DIFFERENT).map(|_| page()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_the_setting_of_its_section() {
        assert_eq!(setting("EIDER_STORAGE_MEMORY_LIMIT"), "`storage.memory_limit`");
    }

    #[test]
    fn a_median_is_of_each_figure_by_itself() {
        let round = |rate: f64, refused: f64| Figures::from([(Figure::Paged, rate), (Figure::Refused, refused)]);
        let rounds = [round(3.0, 0.0), round(1.0, 9.0), round(2.0, 0.0)];
        assert_eq!(medians(&rounds), round(2.0, 0.0));
    }
}
