//! Clients at once, each asking again as soon as it is answered: goose's users, what they measured, and what they moved.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use bytes::Bytes;
use goose::config::GooseConfiguration;
use goose::metrics::{GooseCoordinatedOmissionMitigation, GooseRequestMetricTimingData};
use goose::prelude::*;
use hdrhistogram::Histogram;

/// Longest time that is told apart, in microseconds: an hour.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// How many clients ask, and until when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Clients at once.
    pub(crate) clients: usize,
    /// After which no client begins another call. Calls that run are waited for.
    pub(crate) time: Duration,
    /// Most calls of each client.
    pub(crate) calls: Option<usize>,
}

/// What calls have moved and how long whole answers took, counted by those who make them.
#[derive(Debug)]
pub(crate) struct Tally {
    time: Duration,
    first: OnceLock<Instant>,
    last_micros: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    whole: Mutex<Histogram<u64>>,
}

impl Tally {
    fn new(time: Duration) -> Result<Self> {
        let whole = Mutex::new(Histogram::new_with_max(LONGEST_MICROS, 3).map_err(|error| anyhow!("{error}"))?);
        let zero = || AtomicU64::new(0);
        let (last_micros, rows, bytes, refused, failed) = (zero(), zero(), zero(), zero(), zero());
        Ok(Self { time, first: OnceLock::new(), last_micros, rows, bytes, refused, failed, whole })
    }

    /// What is left of the time for calls, from the first one on.
    pub(crate) fn left(&self) -> Duration {
        self.time.saturating_sub(self.first.get_or_init(Instant::now).elapsed())
    }

    /// Counts an answer that was read whole: its records, its bytes or those of its request, and its time.
    pub(crate) fn answered(&self, rows: u64, bytes: u64, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST_MICROS).clamp(1, LONGEST_MICROS);
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
        self.moved(rows, bytes);
    }

    /// Counts records and bytes of an answer that is still being read.
    pub(crate) fn moved(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.ended();
    }

    /// Counts an answer that was no success: 429 and 503 are refusals, all else is a failure.
    pub(crate) fn refused(&self, status: Option<u16>) {
        let counter = if matches!(status, Some(429 | 503)) { &self.refused } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        self.ended();
    }

    fn ended(&self) {
        let since_first = self.first.get_or_init(Instant::now).elapsed();
        self.last_micros.fetch_max(u64::try_from(since_first.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Times in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// All of them over their number.
    pub(crate) mean: f64,
    /// Half are shorter.
    pub p50: f64,
    /// 95 of 100 are shorter.
    pub p95: f64,
    /// 99 of 100 are shorter.
    pub p99: f64,
}

/// What came of an attack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// From the first call to the last answer, in seconds.
    pub(crate) seconds: f64,
    /// Calls that were answered with success and read whole.
    pub(crate) answered: u64,
    /// Calls that were refused with 429 or 503.
    pub(crate) refused: u64,
    /// Calls that failed otherwise.
    pub(crate) failed: u64,
    /// Records in requests or answers.
    pub(crate) rows: u64,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Whole answers, of the calls that succeeded.
    pub(crate) whole: Times,
    /// The head of every answer, as goose measures it.
    pub(crate) head: Times,
    /// 99 of 100 heads are shorter, when calls are added that a slow answer kept clients from making.
    pub corrected_p99: Option<f64>,
}

/// What a client does again and again; it counts what comes of it.
pub(crate) type Work = Arc<dyn for<'r> Fn(&'r mut GooseUser, Arc<Tally>) -> Answer<'r> + Send + Sync>;
/// The answer to one call.
pub(crate) type Answer<'r> = Pin<Box<dyn Future<Output = TransactionResult> + Send + 'r>>;

/// Lets clients loose on a host.
///
/// # Errors
/// When goose cannot run.
pub(crate) async fn attack(host: &str, load: Load, work: Work) -> Result<Outcome> {
    let tally = Arc::new(Tally::new(load.time)?);
    let counted = Arc::clone(&tally);
    let call = Transaction::new(Arc::new(move |user| {
        let (work, tally) = (Arc::clone(&work), Arc::clone(&counted));
        Box::pin(async move {
            if tally.left().is_zero() {
                // Goose asks again and again until it ends the run, and needs a thread for that.
                tokio::time::sleep(Duration::from_millis(1)).await;
                return Ok(());
            }
            work(user, tally).await
        })
    }));
    let time = format!("{}s", load.time.as_secs().max(1));
    // Some of its fields are private.
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(host.to_owned());
    configuration.users = Some(load.clients);
    configuration.increase_rate = Some(load.clients.to_string());
    // Goose has one or the other; with a number of calls those after the time do nothing.
    configuration.run_time = load.calls.is_none().then_some(time);
    configuration.no_reset_metrics = load.calls.is_none();
    configuration.iterations = load.calls;
    configuration.co_mitigation = Some(GooseCoordinatedOmissionMitigation::Average);
    configuration.no_print_metrics = true;
    configuration.no_telnet = true;
    configuration.no_gzip = true;
    // Whatever an answer takes: the limits of the server are what is tried.
    configuration.timeout = Some("3600".to_owned());
    configuration.quiet = 2;
    let attack = GooseAttack::initialize_with_config(configuration)?;
    let metrics = Box::pin(attack.register_scenario(scenario!("clients").register_transaction(call)).execute()).await?;
    let requests: Vec<_> = metrics.requests.values().collect();
    let [heads] = requests[..] else { return Err(anyhow!("clients made {} kinds of calls", requests.len())) };
    let whole = tally.whole.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Ok(Outcome {
        seconds: millis(count(&tally.last_micros)) / 1e3,
        answered: whole.len(),
        refused: count(&tally.refused),
        failed: count(&tally.failed),
        rows: count(&tally.rows),
        bytes: count(&tally.bytes),
        whole: Times::of(&whole),
        head: Times::of_goose(&heads.raw_data),
        corrected_p99: heads.coordinated_omission_data.as_ref().map(|data| millis(data.percentile_us(0.99))),
    })
}

impl Times {
    /// Of a histogram of microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Self { mean: histogram.mean() / 1e3, p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }

    fn of_goose(data: &GooseRequestMetricTimingData) -> Self {
        let at = |percent| millis(data.percentile_us(percent));
        let count = u64::try_from(data.counter).unwrap_or(u64::MAX).max(1);
        Self { mean: millis(data.total_time_us / count), p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^52 microseconds")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

/// One request.
#[derive(Debug)]
pub(crate) struct Call {
    /// GET or POST, mostly.
    pub(crate) method: GooseMethod,
    /// Behind the host.
    pub(crate) path: String,
    /// Of the body; empty when there is none.
    pub(crate) media_type: &'static str,
    /// What is sent.
    pub(crate) body: Bytes,
    /// Records that it or its answer holds.
    pub(crate) rows: u64,
}

/// Sends a request, reads the answer whole, and counts both. A client that is refused waits as long as it is told.
///
/// # Errors
/// When goose could not ask.
pub(crate) async fn call(user: &mut GooseUser, tally: Arc<Tally>, call: Call) -> TransactionResult {
    let sent = u64::try_from(call.body.len()).unwrap_or(u64::MAX);
    let began = Instant::now();
    let Some(response) = ask(user, &tally, &call).await? else { return Ok(()) };
    match response.bytes().await {
        Ok(body) => tally.answered(call.rows, sent + u64::try_from(body.len()).unwrap_or(u64::MAX), began.elapsed()),
        Err(_) => tally.refused(None),
    }
    Ok(())
}

/// Sends a request and gives the answer once its head is there; `None`, counted, when it was refused or failed.
///
/// # Errors
/// When goose could not ask.
pub(crate) async fn ask(
    user: &mut GooseUser,
    tally: &Tally,
    call: &Call,
) -> Result<Option<reqwest::Response>, Box<TransactionError>> {
    let mut request = user.get_request_builder(&call.method, &call.path)?;
    if !call.media_type.is_empty() {
        request = request.header("Content-Type", call.media_type).body(call.body.clone());
    }
    let request = GooseRequest::builder().set_request_builder(request).name("call").build();
    match user.request(request).await?.response {
        Ok(response) if response.status().is_success() => Ok(Some(response)),
        Ok(response) => {
            tally.refused(Some(response.status().as_u16()));
            let wait = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
            tokio::time::sleep(Duration::from_secs(wait.unwrap_or(0)).min(tally.left())).await;
            Ok(None)
        }
        Err(_) => {
            tally.refused(None);
            Ok(None)
        }
    }
}
