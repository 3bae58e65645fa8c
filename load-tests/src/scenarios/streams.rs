//! Large streams: how fast they come, when the first byte does, and what memory they need, for one reader and for many.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use goose::goose::GooseMethod;

use super::{fill, lines_in, measured};
use crate::attack::{Call, Load, Work, ask};
use crate::command_line::{Common, time};
use crate::flights::schema;
use crate::report::{Figure, Report, float};
use crate::watch::Watch;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Records that are stored.
    #[arg(long, default_value_t = 3_000_000)]
    records: usize,
    /// Readers at once, a step each.
    #[arg(long, value_delimiter = ',', default_value = "1,10,50")]
    readers: Vec<usize>,
    /// Records that a reader with a limit asks for.
    #[arg(long, default_value_t = 100_000)]
    limit: u64,
    /// Bytes a second that a slow reader takes.
    #[arg(long, default_value_t = 1_000_000)]
    slow: u64,
    /// After which readers leave, in each step.
    #[arg(long, value_parser = time, default_value = "30s")]
    time: Duration,
}

/// How a reader reads.
#[derive(Debug, Clone)]
struct Reading {
    path: String,
    /// Records of the whole answer, where its bytes do not tell them by their lines.
    records: Option<u64>,
    /// Bytes a second; as fast as they come when 0.
    pace: u64,
}

/// As many streams as there are readers.
const NEEDED: &[(&str, &str)] =
    &[("EIDER_LIMITS_STREAMS", "64"), ("EIDER_POOL_SIZE", "80"), ("EIDER_LIMITS_STREAM_IDLE", "5m")];

pub(crate) async fn run(options: &Options) -> Result<Report> {
    let Options { common, records, readers, limit, slow, time } = options;
    let mut report = Report::new("streams", &format!("Streams of {} million records", records / 1_000_000), "readers");
    report.notes.extend(common.note(NEEDED));
    report.notes.push(format!(
        "Readers leave after {} s, whether they have read everything or not; times are those of whole answers.",
        time.as_secs()
    ));
    let mut server = common.server(NEEDED)?;
    fill(&server, &schema("streams", &[]), *records, common.seed).await?;
    // What was written is in the file, and the engine's buffers begin empty.
    if common.host.is_none() {
        server = server.restart(&common.binary()?, &common.settings(NEEDED))?;
    }
    let watch = Watch::over(&server);
    let everything = "/api/v1/records/streams/stream?format=ndjson";
    let lines = |path: String, pace| Reading { path, records: None, pace };
    let mut kinds: Vec<(String, usize, Reading)> = Vec::new();
    for count in readers {
        kinds.push(("everything, NDJSON".to_owned(), *count, lines(everything.to_owned(), 0)));
    }
    for count in readers {
        kinds.push((
            format!("limit={limit}, again and again"),
            *count,
            lines(format!("{everything}&limit={limit}"), 0),
        ));
    }
    let most = readers.iter().copied().max().unwrap_or(1);
    kinds.push((format!("slow readers, {slow} bytes a second each"), most, lines(everything.to_owned(), *slow)));
    for format in ["csv", "arrow", "parquet"] {
        let path = format!("/api/v1/records/streams/stream?format={format}");
        let reading = Reading { path, records: Some(u64::try_from(*records)?), pace: 0 };
        kinds.push((format!("everything, {format}"), 1, reading));
    }
    for (series, count, reading) in kinds {
        let calls = (reading.path == everything || reading.records.is_some()).then_some(1);
        let load = Load { clients: count, time: *time, calls };
        let mark = watch.as_ref().map(Watch::mark);
        let (outcome, mut figures) = measured(&server, watch.as_ref(), load, read(reading)).await?;
        figures.insert(Figure::FirstByte, outcome.head.p50);
        figures.retain(|figure, _| !matches!(figure, Figure::CorrectedP99 | Figure::Written | Figure::FileSize));
        if let (Some(watch), Some(mark)) = (&watch, mark) {
            report.course(format!("{series}, {count}"), &watch.samples_since(mark));
        }
        report.push(&series, count.to_string(), float(u64::try_from(count)?), figures);
    }
    report.courses.retain(|course| course.points.len() > 3);
    report.plot_courses("memory", "Resident memory while they read");
    drop(watch);
    server.stop()?;
    Ok(report)
}

/// Reads a stream to its end, or until time is up.
fn read(reading: Reading) -> Work {
    let reading = Arc::new(reading);
    Arc::new(move |user, tally| {
        let reading = Arc::clone(&reading);
        Box::pin(async move {
            let began = Instant::now();
            let path = reading.path.clone();
            let call = Call { method: GooseMethod::Get, path, media_type: "", body: Bytes::new(), rows: 0 };
            let Some(mut response) = ask(user, &tally, &call).await? else { return Ok(()) };
            let mut bytes_read = 0;
            while !tally.left().is_zero() {
                match response.chunk().await {
                    Ok(Some(chunk)) => {
                        let bytes = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                        bytes_read += bytes;
                        let rows = if reading.records.is_none() { lines_in(&chunk) } else { 0 };
                        tally.moved(rows, bytes);
                        if let Some(due) = (bytes_read * 1_000_000).checked_div(reading.pace) {
                            let ahead = Duration::from_micros(due).saturating_sub(began.elapsed());
                            tokio::time::sleep(ahead.min(tally.left())).await;
                        }
                    }
                    Ok(None) => {
                        tally.answered(reading.records.unwrap_or(0), 0, began.elapsed());
                        return Ok(());
                    }
                    Err(_) => {
                        tally.refused(None);
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    })
}
