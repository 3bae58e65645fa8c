//! Sources on their way to the server: in one call, or in chunks that are stored once.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use eider_application::ingest::{BodyFormat, ReadOptions, body_of};
use eider_application::runtime::blocking;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Body, RequestBuilder};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::arguments::Mode;
use super::cut::{Chunk, Chunks};
use super::failure::{Because, Cause, Failure};
use super::progress::Progress;
use super::rejects::{FailureLog, Rejects};
use super::server::{Counts, Receipt};
use super::source::Source;
use super::{Import, Total};

/// How long a chunk is sent again while the server does not answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long is waited before the second time; twice as long before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// How long is waited at most.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// What the name of an idempotency key begins with.
const KEY: &str = "eider-import-";

/// What stood for something else in an input, and how often; in the order of its first receipt.
#[derive(Debug, Default)]
struct Names {
    renamed: Vec<((String, String), u64)>,
    ignored: Vec<(String, u64)>,
}

impl Import {
    /// Loads one source. What was stored of it counts, also when the rest fails.
    pub(super) async fn load_source(
        &self,
        source: Source,
        identity: &str,
        reading: &ReadOptions,
        total: &mut Total,
    ) -> Result<(), Failure> {
        source.format().check_options(reading).because(Cause::Usage)?;
        let is_cut = self.arguments.resume
            && self.arguments.mode == Mode::Partial
            && !matches!(source.format(), BodyFormat::ArrowStream | BodyFormat::Parquet)
            && reading.records_at.is_none();
        if is_cut {
            return self.load_chunks(&source, identity, reading, total).await;
        }
        let source = if total.rejects.is_some() {
            blocking::run(move || source.kept()).await.because(Cause::Unreadable)?.because(Cause::Unreadable)?
        } else {
            source
        };
        self.load_whole(&source, identity, reading, total).await
    }

    /// Loads a source in one call, under a key where it is to be stored once.
    async fn load_whole(
        &self,
        source: &Source,
        identity: &str,
        reading: &ReadOptions,
        total: &mut Total,
    ) -> Result<(), Failure> {
        let read = Arc::new(AtomicU64::new(0));
        let body = body_of(source.whole(&read).because(Cause::Unreadable)?);
        let mut request = self.request(source, reading)?.body(Body::wrap_stream(body));
        if let Some(compression) = source.compression() {
            request = request.header(CONTENT_ENCODING, compression.name());
        }
        if self.arguments.resume {
            request = request.header("Idempotency-Key", key_of(identity, 0));
        }
        let progress = Progress::begin(self.shown, source.name(), source.bytes(), &read);
        let outcome = self.server.bulk(request).await;
        drop(progress);
        // A body that breaks off has the server store nothing.
        if let Some(failure) = source.failure() {
            return Err(Failure::new(Cause::Unreadable, format!("nothing was stored: {failure}")));
        }
        let receipt = outcome?;
        total.counts.add(receipt.counts);
        let mut words = receipt.counts.in_words(source.name(), self.arguments.dry_run);
        if receipt.is_refused {
            words.push_str("; nothing was stored of it");
        } else if receipt.is_replayed {
            words.push_str("; it was stored before");
        }
        self.say(&words)?;
        let mut names = Names::default();
        names.add(&receipt.json);
        self.show_names(&names)?;
        let mut log = self.show_failures(source, &receipt, |line| line, None).await?;
        if log.is_empty() {
            return Ok(());
        }
        if let Some(rejects) = total.rejects.take() {
            let (again, reading) = (source.clone(), reading.clone());
            let rejects = blocking::run(move || {
                let input = again.plain(&Arc::default())?;
                let mut rejects = rejects;
                rejects.add(again.name(), &mut log, input, again.format(), &reading, |line| line)?;
                anyhow::Ok(rejects)
            });
            total.rejects = Some(rejects.await.because(Cause::Unreadable)?.because(Cause::Unreadable)?);
        }
        Ok(())
    }

    /// Loads a source chunk by chunk. A chunk that was stored before is not stored again.
    async fn load_chunks(
        &self,
        source: &Source,
        identity: &str,
        reading: &ReadOptions,
        total: &mut Total,
    ) -> Result<(), Failure> {
        let read = Arc::new(AtomicU64::new(0));
        let input = source.plain(&read).because(Cause::Unreadable)?;
        let (format, options, bytes) = (source.format(), reading.clone(), self.arguments.chunk);
        let fault = |error: io::Error| {
            let detail = source.failure().unwrap_or_else(|| format!("{}: {error}", source.name()));
            Failure::new(Cause::Unreadable, detail)
        };
        let cut = blocking::run(move || Chunks::new(input, format, &options, bytes)).await;
        let mut chunks = cut.because(Cause::Unreadable)?.map_err(fault)?;
        let progress = Progress::begin(self.shown, source.name(), source.bytes(), &read);
        let (mut counts, mut names, mut sent, mut replayed) = (Counts::default(), Names::default(), 0_u64, 0_u64);
        let outcome = loop {
            let next = blocking::run(move || {
                let chunk = chunks.next();
                (chunks, chunk)
            });
            let chunk;
            (chunks, chunk) = next.await.because(Cause::Unreadable)?;
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(()),
                Err(error) => break Err(fault(error)),
            };
            match self.load_chunk(source, identity, reading, chunk, &progress, total).await {
                Ok(receipt) => {
                    sent += 1;
                    replayed += u64::from(receipt.is_replayed);
                    counts.add(receipt.counts);
                    names.add(&receipt.json);
                }
                Err(failure) => break Err(failure),
            }
        };
        drop(progress);
        total.counts.add(counts);
        if let Err(Failure { cause, error }) = outcome {
            let Counts { received, stored, .. } = counts;
            let before = format!("of {} the first {received} records were sent and {stored} stored", source.name());
            let advice = if cause == Cause::Unreachable { "; the same command goes on behind them" } else { "" };
            return Err(Failure { cause, error: error.context(format!("{before}{advice}")) });
        }
        let mut words = counts.in_words(source.name(), false);
        if replayed > 0 {
            write!(words, "; {replayed} of {sent} chunks were stored before").because(Cause::Unreadable)?;
        }
        self.say(&words)?;
        self.show_names(&names)
    }

    async fn load_chunk(
        &self,
        source: &Source,
        identity: &str,
        reading: &ReadOptions,
        mut chunk: Chunk,
        progress: &Progress,
        total: &mut Total,
    ) -> Result<Receipt, Failure> {
        let key = key_of(identity, chunk.offset);
        let body = Bytes::from(std::mem::take(&mut chunk.body));
        let started = Instant::now();
        let mut wait = FIRST_WAIT;
        let receipt = loop {
            let request = self.request(source, reading)?.header("Idempotency-Key", &key).body(body.clone());
            match self.server.bulk(request).await {
                Err(failure) if failure.cause == Cause::Unreachable && started.elapsed() < PATIENCE => {
                    tokio::time::sleep(wait).await;
                    wait = MAX_WAIT.min(wait * 2);
                }
                outcome => break outcome?,
            }
        };
        progress.receipt(receipt.counts.failed);
        let mut log = self.show_failures(source, &receipt, |line| chunk.line(line), Some(progress)).await?;
        if let (Some(rejects), false) = (&mut total.rejects, log.is_empty()) {
            // A chunk is small enough to be looked through here, and everything waits for it anyway.
            let line_of = |line| chunk.line(line);
            let added = rejects.add(source.name(), &mut log, body.as_ref(), source.format(), reading, line_of);
            added.because(Cause::Unreadable)?;
        }
        Ok(receipt)
    }

    /// Names the records that were not taken, and keeps the reasons where they are wanted.
    async fn show_failures(
        &self,
        source: &Source,
        receipt: &Receipt,
        line_of: impl Fn(u64) -> u64,
        progress: Option<&Progress>,
    ) -> Result<FailureLog, Failure> {
        let mut log = FailureLog::new();
        let keeps = self.arguments.rejects.is_some();
        let take = |failure: Json| {
            if keeps {
                log.add(&failure)?;
            }
            let text = |key: &str| failure[key].as_str().unwrap_or_default();
            let line = failure["line"].as_u64().map_or_else(|| "null".to_owned(), |line| line_of(line).to_string());
            let (unit, code, pointer) = (source.unit(), text("code"), text("pointer"));
            let words = format!("  {unit} {line}: {code} {pointer} {}", text("detail"));
            match progress {
                Some(progress) => progress.suspended(|| self.print(&words))?,
                None => self.print(&words)?,
            }
            Ok(())
        };
        self.server.each_failure(&receipt.json, take).await?;
        Ok(log)
    }

    /// Says what stood for something else in an input.
    fn show_names(&self, names: &Names) -> Result<(), Failure> {
        for ((from, to), records) in &names.renamed {
            self.say(&format!("  {from} to {to}: {records} records"))?;
        }
        names.ignored.iter().try_for_each(|(name, records)| self.say(&format!("  {name} ignored: {records} records")))
    }

    /// A bulk call without its body.
    fn request(&self, source: &Source, reading: &ReadOptions) -> Result<RequestBuilder, Failure> {
        let mut call = self.server.address(&format!("/records/{}/bulk", self.arguments.schema))?;
        call.query_pairs_mut().extend_pairs(&self.parameters).extend_pairs(reading.given());
        Ok(self.server.post(call).header(CONTENT_TYPE, source.format().media_type().essence))
    }
}

impl Names {
    fn add(&mut self, receipt: &Json) {
        for name in receipt["renamed"].as_array().into_iter().flatten() {
            let key = (name["from"].to_string(), name["to"].to_string());
            add_to(&mut self.renamed, key, &name["records"]);
        }
        for name in receipt["ignored_names"].as_array().into_iter().flatten() {
            add_to(&mut self.ignored, name["name"].to_string(), &name["records"]);
        }
    }
}

/// Adds records to those that a list has under a name.
fn add_to<N: PartialEq>(names: &mut Vec<(N, u64)>, name: N, records: &Json) {
    let records = records.as_u64().unwrap_or_default();
    match names.iter_mut().find(|(known, _)| *known == name) {
        Some((_, sum)) => *sum += records,
        None => names.push((name, records)),
    }
}

/// The idempotency key of a part of an input. What the part holds and how it is to be read, the server compares itself: an
/// input that has changed is refused, not stored beside what it was.
fn key_of(identity: &str, offset: u64) -> String {
    let digest = Sha256::new_with_prefix(identity).chain_update([0]).chain_update(offset.to_be_bytes()).finalize();
    digest.iter().take(16).fold(KEY.to_owned(), |key, byte| format!("{key}{byte:02x}"))
}

impl Total {
    /// Ends the file of refused records.
    pub(super) fn end_rejects(&mut self) -> Result<Option<u64>, Failure> {
        let Some(rejects) = self.rejects.take() else { return Ok(None) };
        let records = rejects.records;
        Rejects::end(rejects).because(Cause::Unreadable)?;
        Ok(Some(records))
    }
}
