//! Bulk calls by their size: what a record costs, how long a call takes, and what memory it needs.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::{measured, post};
use crate::attack::Load;
use crate::command_line::{Common, time};
use crate::flights::{Flights, schema};
use crate::report::{Figure, Report, float};
use crate::watch::Watch;

/// Different bulk calls of a size.
const CALLS: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Records of a call, a step each.
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000,10000,100001")]
    sizes: Vec<usize>,
    /// Clients at once.
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// Calls of each client in a step, unless its time is over before.
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// How long clients begin calls, in each step.
    #[arg(long, value_parser = time, default_value = "12s")]
    time: Duration,
}

pub(crate) async fn run(options: &Options) -> Result<Report> {
    let Options { common, sizes, clients, calls, time } = options;
    let mut report = Report::new("bulk", "Bulk calls by their size", "records in a call");
    report.notes.extend(common.note(&[]));
    report.notes.push(format!(
        "NDJSON of {clients} client(s), one call after the other; each size on a new server. Two indexes, or none."
    ));
    let mut flights = Flights::new(common.seed)?;
    for (series, indexed) in [("two indexes", &["carrier", "tailnum"][..]), ("no index", &[])] {
        for size in sizes.iter().copied() {
            let mut server = common.server(&[])?;
            server.create_schema(&schema("sizes", indexed)).await?;
            let watch = Watch::over(&server);
            let bodies = (0..CALLS).map(|_| flights.lines(size)).collect();
            let work = post("/api/v1/records/sizes/bulk", "application/x-ndjson", u64::try_from(size)?, bodies);
            let load = Load { clients: *clients, time: *time, calls: Some(*calls) };
            let (_, figures) = measured(&server, watch.as_ref(), load, work).await?;
            report.push(series, size.to_string(), float(u64::try_from(size)?), figures);
            drop(watch);
            server.stop()?;
        }
    }
    report.plot("rate", "Records stored a second", "records in a call", Figure::RecordsPerSecond, true);
    report.plot("latency", "A call takes, median", "records in a call", Figure::P50, true);
    report.plot("memory", "Most resident memory", "records in a call", Figure::ResidentPeak, true);
    Ok(report)
}
