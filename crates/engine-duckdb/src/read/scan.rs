//! A scan: a query on a thread and a connection of its own, whose batches wait in a short channel.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_stream::stream;
use duckdb::{Connection, params_from_iter};
use eider_application::ports::{RecordStream, ScanRequest, StoreError, StoreErrorKind};
use eider_application::runtime::blocking;
use eider_domain::Aggregation;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::Instrument;

use crate::columns::{port_batch, scan_schema};
use crate::connection::interrupt::cancellation;
use crate::connection::pool::Pool;
use crate::connection::settings::ScanBatch;
use crate::connection::uses::{Purpose, Stop, stopped};
use crate::connection::version::TableVersion;
use crate::connection::worker::{self, Decision, transaction};
use crate::error::store_error;
use crate::read::plan::{Plan, Planner};
use crate::relation::Relation;
use crate::sql::Prepared;
use crate::sql::rows::Gathered;
use crate::sql::{self, Statement, Summation};

/// Batches that wait for a slow reader.
const WAITING_BATCHES: usize = 1;

/// Where a scan puts its batches.
struct Batches {
    sender: mpsc::Sender<RecordBatch>,
    /// How many records the query matches, before the first batch is sent, when it was asked.
    total: Arc<OnceLock<u64>>,
    stop: Stop,
    runtime: Handle,
}

impl Batches {
    /// Waits for the reader; `false` when nobody reads any more.
    ///
    /// # Errors
    /// When the scan is to end before the reader has room.
    fn send(&self, batch: RecordBatch) -> Result<bool, StoreError> {
        let batch = match self.sender.try_send(batch) {
            Ok(()) => return Ok(true),
            Err(TrySendError::Closed(_)) => return Ok(false),
            Err(TrySendError::Full(batch)) => batch,
        };
        let mut stop = self.stop.clone();
        self.runtime.block_on(async {
            tokio::select! {
                sent = self.sender.send(batch) => Ok(sent.is_ok()),
                () = stop.requested() => Err(stopped()),
            }
        })
    }
}

/// A query that is to run.
struct Query {
    relation: Arc<Relation>,
    columns: SchemaRef,
    source: Source,
    batch: ScanBatch,
}

/// What a query yields.
enum Source {
    Records(ScanRequest, Box<dyn Planner>),
    /// The groups that a statement makes.
    Groups(Statement),
}

/// Runs a scan and returns once its first batch is read. Dropping the stream interrupts it and frees its connection.
///
/// # Errors
/// `SchemaChanged` when the relation is of an older version by then; `Unavailable` with the budget `pool` when no connection
/// is free in time, with `schema_change` when the scan was ended for a change; whatever the engine fails with.
pub async fn records(
    pool: &Pool,
    relation: Arc<Relation>,
    request: ScanRequest,
    planner: Box<dyn Planner>,
    batch: ScanBatch,
) -> Result<RecordStream, StoreError> {
    let columns = scan_schema(relation.schema(), &request);
    run(pool, Query { relation, columns, source: Source::Records(request, planner), batch }).await
}

/// Runs an aggregation, in one pass where that is exact, and returns once its first groups are there.
///
/// # Errors
/// As [`records`]; `OutOfRange` when a figure does not fit its type.
pub async fn groups(
    pool: &Pool,
    relation: &Arc<Relation>,
    aggregation: &Aggregation,
    limit: Option<u64>,
    batch: ScanBatch,
) -> Result<RecordStream, StoreError> {
    let groups = async |summation| {
        let source = Source::Groups(sql::aggregate(relation, aggregation, limit, summation));
        run(pool, Query { relation: Arc::clone(relation), columns: aggregation.arrow(), source, batch }).await
    };
    // Groups come in an order, so that they are all made before the first one comes.
    match groups(Summation::Fast).await {
        Err(error) if error.kind() == StoreErrorKind::OutOfRange => groups(Summation::Exact).await,
        outcome => outcome,
    }
}

async fn run(pool: &Pool, query: Query) -> Result<RecordStream, StoreError> {
    let schema = Arc::clone(&query.columns);
    let pooled = pool.take(Purpose::Read).await?;
    let (cancel, disarm) = cancellation(&pooled.lock());
    let (sender, mut receiver) = mpsc::channel(WAITING_BATCHES);
    let total = Arc::new(OnceLock::new());
    let batches = Batches { sender, total: Arc::clone(&total), stop: pooled.stop(), runtime: Handle::current() };
    let work = move || worker::lend(pooled, disarm, |connection| send(connection, &query, &batches));
    let running = tokio::spawn(blocking::run(work).in_current_span());
    // How the query ended, which is known once the channel is closed; the thread may have panicked.
    let pool = pool.clone();
    let ended = async move {
        let outcome = running.await.unwrap_or_else(|_| Ok(Ok(()))).flatten();
        pool.observe(&outcome);
        outcome
    };

    let first = receiver.recv().await;
    if first.is_none() {
        ended.await?;
        return Ok(RecordStream::new(schema, futures::stream::empty().boxed()).with_total(total.get().copied()));
    }
    let total = total.get().copied();
    let batches = stream! {
        let _cancel = cancel;
        let mut next = first;
        while let Some(batch) = next {
            yield Ok(batch);
            next = receiver.recv().await;
        }
        if let Err(error) = ended.await {
            yield Err(error);
        }
    };
    Ok(RecordStream::new(schema, batches.boxed()).with_total(total))
}

/// Sends the result in batches until it ends, fails, or nobody listens any more.
fn send(connection: &Connection, query: &Query, batches: &Batches) -> Result<(), StoreError> {
    let started = Instant::now();
    let mut rows: u64 = 0;
    let sent = send_counted(connection, query, batches, &mut rows);
    let outcome = match &sent {
        Ok(true) => "completed",
        Ok(false) => "abandoned",
        Err(_) => "failed",
    };
    // It may have failed for what another version of the table has not.
    let sent = sent.map_err(|error| {
        let error = if rows == 0 { query.relation.version().check().err().unwrap_or(error) } else { error };
        batches.stop.explain(error)
    });
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    tracing::info!(schema.name = %query.relation.schema().name(), scan.rows = rows, duration_ms, outcome, "store scan");
    sent.map(|_| ())
}

/// Counts what the query matches, if that was asked, and sends its records from the same snapshot.
fn send_counted(connection: &Connection, query: &Query, sender: &Batches, rows: &mut u64) -> Result<bool, StoreError> {
    match &query.source {
        Source::Records(request, _) if request.counts_total => transaction(connection, || {
            let statement = sql::count(&query.relation, &request.query.filter);
            let mut prepared = Prepared::new(connection, &statement)?;
            let total = prepared.query_row(params_from_iter(statement.values.iter()), |row| row.get(0));
            query.relation.version().check()?;
            let _ = sender.total.set(total.map_err(store_error)?);
            Ok(Decision::Commit(send_all(connection, query, sender, rows)?))
        }),
        Source::Records(..) | Source::Groups(_) => send_all(connection, query, sender, rows),
    }
}

fn send_all(connection: &Connection, query: &Query, sender: &Batches, rows: &mut u64) -> Result<bool, StoreError> {
    let Query { relation, columns, source, batch } = query;
    let (statement, most_rows) = match source {
        Source::Groups(statement) => (Cow::Borrowed(statement), None),
        Source::Records(request, planner) => match planner.plan(connection, relation, request)? {
            Plan::Run(statement, most_rows) => (Cow::Owned(statement), most_rows),
            Plan::Found(page, _) => {
                relation.version().check()?;
                *rows = page.num_rows() as u64;
                return sender.send(page);
            }
        },
    };
    let mut prepared = Prepared::new(connection, &statement)?;
    let outcome = send_rows(&mut prepared, &statement, (columns, relation.version(), *batch, most_rows), sender, rows);
    if !matches!(outcome, Ok(true)) || most_rows.is_some() {
        // What is left of its result would stay open with it.
        prepared.discard();
    }
    outcome
}

fn send_rows(
    prepared: &mut Prepared<'_>,
    statement: &Statement,
    (schema, version, most, most_rows): (&SchemaRef, &TableVersion, ScanBatch, Option<u64>),
    sender: &Batches,
    rows: &mut u64,
) -> Result<bool, StoreError> {
    let stream = prepared.stream_arrow(params_from_iter(statement.values.iter())).map_err(store_error)?;
    // The statement is bound and has its snapshot from here on.
    version.check()?;
    let mut gathered = Gathered::default();
    for batch in stream {
        let mut batch = port_batch(&batch.map_err(store_error)?, schema)?;
        if *rows == 0 {
            sender.stop.opened();
        }
        let left = usize::try_from(most_rows.map_or(u64::MAX, |most| most - *rows)).unwrap_or(usize::MAX);
        batch = batch.slice(0, batch.num_rows().min(left));
        *rows += batch.num_rows() as u64;
        for part in parts(&batch, most.bytes) {
            gathered.push(part);
            if gathered.is_full(most) && !sender.send(gathered.take(schema)?)? {
                return Ok(false);
            }
        }
        if most_rows == Some(*rows) {
            break;
        }
    }
    if gathered.rows > 0 {
        return sender.send(gathered.take(schema)?);
    }
    Ok(true)
}

/// A batch of the engine in parts of about `most_bytes` that share its memory. It has its 2,048 rows however wide they
/// are, and of the parts nothing but the one in hand is encoded.
fn parts(batch: &RecordBatch, most_bytes: usize) -> impl Iterator<Item = RecordBatch> {
    let all = batch.num_rows();
    let rows = (all * most_bytes / batch.get_array_memory_size().max(1)).max(1);
    (0..all).step_by(rows).map(move |first| batch.slice(first, rows.min(all - first)))
}
