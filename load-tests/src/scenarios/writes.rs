//! Writes at once: how far single records and bulk calls scale with the number of clients.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::{measured, post, split};
use crate::attack::Load;
use crate::command_line::{Common, time};
use crate::flights::{Flights, schema};
use crate::report::{Figure, Report, float};
use crate::watch::Watch;

/// Different records that single creations take in turn.
const RECORDS: usize = 20_000;
/// Different bulk calls.
const CALLS: usize = 8;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Clients at once, a step each.
    #[arg(long, value_delimiter = ',', default_value = "1,4,16,64,256")]
    clients: Vec<usize>,
    /// How long clients begin calls, in each step.
    #[arg(long, value_parser = time, default_value = "10s")]
    time: Duration,
    /// Records of a bulk call.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
}

pub(crate) async fn run(options: &Options) -> Result<Report> {
    let Options { common, clients, time, batch } = options;
    let mut report = Report::new("writes", "Writes at once", "clients");
    report.notes.extend(common.note(&[]));
    report.notes.push(
        "An index on `carrier` and one on `tailnum`; every acknowledged write is on the disk. A client asks again as \
         soon as it is answered, and waits as long as a refusal tells it."
            .to_owned(),
    );
    let mut flights = Flights::new(common.seed)?;
    let single = split(&flights.lines(RECORDS));
    let bulk: Vec<_> = (0..CALLS).map(|_| flights.lines(*batch)).collect();
    let kinds = [
        ("single records", post("/api/v1/records/writes", "application/json", 1, single)),
        (
            &*format!("bulk calls of {batch} records"),
            post("/api/v1/records/writes/bulk", "application/x-ndjson", u64::try_from(*batch)?, bulk),
        ),
    ];
    for (series, work) in kinds {
        let mut server = common.server(&[])?;
        server.create_schema(&schema("writes", &["carrier", "tailnum"])).await?;
        let watch = Watch::over(&server);
        for clients in clients.iter().copied() {
            let load = Load { clients, time: *time, calls: None };
            let (_, figures) = measured(&server, watch.as_ref(), load, Arc::clone(&work)).await?;
            report.push(series, clients.to_string(), float(u64::try_from(clients)?), figures);
        }
        drop(watch);
        server.stop()?;
    }
    report.plot("rate", "Records stored a second", "clients", Figure::RecordsPerSecond, true);
    report.plot("p99", "99 of 100 writes are acknowledged within", "clients", Figure::P99, true);
    Ok(report)
}
