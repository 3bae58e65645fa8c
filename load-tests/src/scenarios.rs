//! The scenarios, and what they share.

pub(crate) mod bulk;
pub(crate) mod growth;
pub(crate) mod mixed;
pub(crate) mod queries;
pub(crate) mod settings;
pub(crate) mod streams;
pub(crate) mod writes;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use goose::goose::GooseMethod;
use serde_json::Value;

use crate::attack::{Call, Load, Outcome, Work, attack, call};
use crate::flights::Flights;
use crate::report::{Figure, Figures, figures, float, server_figures};
use crate::server::Server;
use crate::watch::{Usage, Watch};

/// Records of a bulk call that fills a schema.
const FILL_RECORDS: usize = 100_000;
/// Different bulk calls that fill a schema; then they begin again.
const FILL_CALLS: usize = 5;

/// Writes so many flights into a schema that it makes anew, in bulk calls one after the other; how long these took.
async fn fill(server: &Server, definition: &Value, records: usize, seed: u64) -> Result<Duration> {
    server.create_schema(definition).await?;
    let name = definition["name"].as_str().unwrap_or_default();
    let mut flights = Flights::new(seed)?;
    let calls: Vec<Bytes> =
        (0..FILL_CALLS.min(records.div_ceil(FILL_RECORDS))).map(|_| flights.lines(FILL_RECORDS)).collect();
    let rest = Some(records % FILL_RECORDS).filter(|rest| *rest > 0).map(|rest| flights.lines(rest));
    let whole = (0..records / FILL_RECORDS).map(|index| calls[index % calls.len()].clone());
    let began = Instant::now();
    for call in whole.chain(rest) {
        server.load(name, call).await?;
    }
    Ok(began.elapsed())
}

/// Fills a schema, and says what that took.
async fn loaded(
    server: &Server,
    watch: Option<&Watch>,
    definition: &Value,
    records: usize,
    seed: u64,
) -> Result<Figures> {
    let mark = watch.map(Watch::mark);
    let seconds = fill(server, definition, records, seed).await?.as_secs_f64();
    let rate = float(u64::try_from(records)?) / seconds;
    let mut figures = Figures::from([(Figure::Seconds, seconds), (Figure::RecordsPerSecond, rate)]);
    if let Some((watch, mark)) = watch.zip(mark) {
        // The flights are made before the first call.
        figures.extend(server_figures(Usage { seconds, ..watch.since(mark) }));
    }
    Ok(figures)
}

/// An attack, with what the server used meanwhile.
async fn measured(server: &Server, watch: Option<&Watch>, load: Load, work: Work) -> Result<(Outcome, Figures)> {
    let mark = watch.map(Watch::mark);
    let outcome = attack(&server.host, load, work).await?;
    let usage = watch.zip(mark).map(|(watch, mark)| watch.since(mark));
    Ok((outcome, figures(&outcome, usage)))
}

/// Leaves out of the figures of reads what only writes have.
fn without_writes(figures: &mut Figures) {
    figures.retain(|figure, _| {
        !matches!(figure, Figure::RecordsPerSecond | Figure::MegabytesPerSecond | Figure::Written | Figure::FileSize)
    });
}

/// Posts the bodies in turn, each of so many records.
fn post(path: &str, media_type: &'static str, rows: u64, bodies: Vec<Bytes>) -> Work {
    let (path, bodies, next) = (path.to_owned(), Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    Arc::new(move |user, tally| {
        let body = bodies[next.fetch_add(1, Ordering::Relaxed) % bodies.len()].clone();
        let sent = Call { method: GooseMethod::Post, path: path.clone(), media_type, body, rows };
        Box::pin(call(user, tally, sent))
    })
}

/// Gets the paths in turn, each of which answers so many records.
fn get(paths: Vec<String>, rows: u64) -> Work {
    let (paths, next) = (Arc::new(paths), Arc::new(AtomicUsize::new(0)));
    Arc::new(move |user, tally| {
        let path = paths[next.fetch_add(1, Ordering::Relaxed) % paths.len()].clone();
        let sent = Call { method: GooseMethod::Get, path, media_type: "", body: Bytes::new(), rows };
        Box::pin(call(user, tally, sent))
    })
}

/// The lines of a body, without their ends.
pub(crate) fn split(lines: &Bytes) -> Vec<Bytes> {
    let ends = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end);
    let mut first = 0;
    ends.map(|end| lines.slice(std::mem::replace(&mut first, end + 1)..end)).collect()
}

/// How many line ends there are.
pub(crate) fn lines_in(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_split_at_its_line_ends() {
        assert_eq!(split(&Bytes::from_static(b"a\nbc\n\n")), ["a", "bc", ""]);
    }
}
