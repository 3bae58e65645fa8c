//! Use cases that read records.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType as ArrowType;
use arrow_select::concat::concat_batches;
use eider_domain::{Aggregation, Filter, Position, RecordId, RecordQuery, Schema, temporal};
use futures::{StreamExt, TryStreamExt, stream};
use tracing::instrument;

use crate::Error;
use crate::ports::{RecordStream, ScanRequest, Store, StoreError, StoreErrorKind, StoreMetrics, offered};
use crate::records::Cursors;
use crate::records::read_log::ReadLog;
use crate::runtime::timings::{Stage, timed};

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// At the first record, or after the one that a cursor names.
    Cursor(Option<String>),
    /// After so many records; pages made so answer how many there are in all.
    Offset(OffsetPage),
}

/// A page by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetPage {
    /// Records to pass over.
    pub offset: u64,
    /// The greatest offset that is answered.
    pub max_offset: u64,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq)]
pub struct PageRequest {
    /// Which records, in which order, with which fields.
    pub query: RecordQuery,
    /// Records at most, at least 1.
    pub limit: u64,
    /// Where it begins.
    pub start: PageStart,
    /// Whether to count every match.
    pub counts_total: bool,
}

impl PageRequest {
    /// Succeeds when the page can begin where it is to begin, whatever is stored.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], [`Error::OffsetTooLarge`].
    pub fn check(&self, schema: &Schema) -> Result<(), Error> {
        self.place(&Cursors::new(schema, &self.query)).map(drop)
    }

    /// The place behind which the page begins, and how many records it passes over.
    fn place(&self, cursors: &Cursors) -> Result<(Option<Position>, u64), Error> {
        match &self.start {
            PageStart::Cursor(None) => Ok((None, 0)),
            PageStart::Cursor(Some(cursor)) => Ok((Some(cursors.decode(cursor)?), 0)),
            PageStart::Offset(page) if page.offset > page.max_offset => {
                Err(Error::OffsetTooLarge { limit: page.max_offset })
            }
            PageStart::Offset(page) => Ok((None, page.offset)),
        }
    }
}

/// A form in which two requests are the same text exactly when they ask for the same page; holds values, so never log
/// it.
impl fmt::Display for PageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}", self.limit)?;
        match &self.start {
            PageStart::Cursor(cursor) => write!(f, " from {cursor:?}")?,
            PageStart::Offset(page) => write!(f, " number {}", page.offset)?,
        }
        if self.counts_total {
            f.write_str(" counted")?;
        }
        write!(f, " {}", self.query)
    }
}

/// Some records and where the next ones are.
#[derive(Debug, Clone)]
pub struct Page {
    /// The records, with the columns of the projection.
    pub records: RecordBatch,
    /// Whether more records follow.
    pub has_more: bool,
    /// The cursor of the next page, when more records follow.
    pub next: Option<String>,
    /// How many records match in all, when that was asked for.
    pub total: Option<u64>,
}

/// Every record of a query, or those behind a cursor.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamRequest {
    /// Which records, in which order, with which fields.
    pub query: RecordQuery,
    /// A cursor of the same query behind whose record the stream begins.
    pub resume: Option<String>,
    /// Records at most, counted from where the stream begins.
    pub limit: Option<u64>,
    /// Adds the columns that [`Cursors`] reads. They cost a column for each sort key, and one.
    pub with_cursors: bool,
}

impl StreamRequest {
    /// Every record that a query matches, without cursors.
    pub fn new(query: RecordQuery) -> Self {
        Self { query, resume: None, limit: None, with_cursors: false }
    }
}

/// The first groups of an aggregation.
#[derive(Debug, Clone)]
pub struct Groups {
    /// The groups, with the columns of the aggregation.
    pub groups: RecordBatch,
    /// Whether there are more.
    pub has_more: bool,
}

/// Reads records: one, a page, a count or all of them, and figures over groups of them.
#[derive(Debug, Clone)]
pub struct QueryService {
    pub(crate) store: Arc<dyn Store>,
    /// What was asked for.
    pub(crate) reads: ReadLog,
    max_page_bytes: usize,
}

impl QueryService {
    /// A service over a store, whose pages are as large as their records.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, reads: ReadLog::new(), max_page_bytes: usize::MAX }
    }

    /// The same service with pages of so many bytes at most, as Arrow has them.
    #[must_use]
    pub fn with_max_page_bytes(mut self, max_page_bytes: usize) -> Self {
        self.max_page_bytes = max_page_bytes;
        self
    }

    /// One record by id, as a batch of one row with every field.
    ///
    /// # Errors
    /// [`Error::RecordNotFound`], [`Error::Store`].
    #[instrument(name = "records.get", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn get(&self, schema: &Arc<Schema>, id: RecordId) -> Result<RecordBatch, Error> {
        timed(Stage::Store, self.store.record(schema, id)).await?.ok_or(Error::RecordNotFound { id })
    }

    /// How many records match.
    ///
    /// # Errors
    /// [`Error::Store`].
    #[instrument(name = "records.count", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, Error> {
        let started = Instant::now();
        let count = timed(Stage::Store, self.store.count(schema, filter)).await?;
        self.reads.note(schema, filter, started.elapsed(), Some(count));
        Ok(count)
    }

    /// A page of records. Pages by cursor show each record once, however many are written meanwhile.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], [`Error::OffsetTooLarge`], [`Error::PageTooLarge`], [`Error::Store`].
    #[instrument(name = "records.page", level = "debug", skip_all, fields(schema.name = %schema.name(), page.limit = request.limit))]
    pub async fn page(&self, schema: &Arc<Schema>, request: PageRequest) -> Result<Page, Error> {
        let (limit, counts_total) = (request.limit, request.counts_total);
        let cursors = Cursors::new(schema, &request.query);
        let is_first = matches!(request.start, PageStart::Cursor(None));
        let scan = ScanRequest { counts_total, ..page_scan(schema, request)? };
        let filter = scan.query.filter.clone();
        let started = Instant::now();
        let (rows, total) = self.collect(schema, scan).await?;
        let elapsed = started.elapsed();

        let shown = rows.num_rows().min(usize::try_from(limit).unwrap_or(usize::MAX));
        let has_more = rows.num_rows() > shown;
        let matched = total.or((is_first && !has_more).then_some(shown as u64));
        self.reads.note(schema, &filter, elapsed, matched);
        let next = (has_more && shown > 0).then(|| cursors.cursor(&rows, shown - 1));
        let records = cursors.records(&rows.slice(0, shown))?;
        Ok(Page { records, has_more, next, total })
    }

    /// Every matching record, or the first `limit` of them, from one snapshot in constant memory. Behind a cursor the
    /// snapshot is a new one, of the records that come after its record now.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`]; [`Error::Store`] for what fails before the first batch; the stream yields what fails
    /// later.
    #[instrument(name = "records.stream", level = "debug", skip_all, fields(schema.name = %schema.name(), stream.is_resumed = request.resume.is_some()))]
    pub async fn stream(&self, schema: &Arc<Schema>, request: StreamRequest) -> Result<RecordStream, Error> {
        let scan = stream_scan(schema, request)?;
        let (filter, started) = (scan.query.filter.clone(), Instant::now());
        let stream = timed(Stage::Store, self.store.scan(schema, scan)).await?;
        self.reads.note(schema, &filter, started.elapsed(), None);
        Ok(stream)
    }

    /// The first `limit` groups of an aggregation.
    ///
    /// # Errors
    /// [`Error::PageTooLarge`]; [`Error::Store`], also when a figure does not fit its type.
    #[instrument(name = "records.aggregate", level = "debug", skip_all, fields(schema.name = %schema.name(), page.limit = limit))]
    pub async fn aggregate(
        &self,
        schema: &Arc<Schema>,
        aggregation: &Aggregation,
        limit: u64,
    ) -> Result<Groups, Error> {
        let groups = self.stream_groups(schema, aggregation, Some(limit.saturating_add(1))).await?;
        let groups = timed(Stage::Store, self.whole(groups)).await?;
        let shown = groups.num_rows().min(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Groups { has_more: groups.num_rows() > shown, groups: groups.slice(0, shown) })
    }

    /// Every group of an aggregation, or the first `limit` of them.
    ///
    /// # Errors
    /// [`Error::Store`] for what fails before the first batch, also when a figure does not fit its type; the stream
    /// yields what fails later.
    #[instrument(name = "records.stream_groups", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn stream_groups(
        &self,
        schema: &Arc<Schema>,
        aggregation: &Aggregation,
        limit: Option<u64>,
    ) -> Result<RecordStream, Error> {
        let started = Instant::now();
        let aggregator = offered(self.store.aggregator(), "aggregations")?;
        let mut groups = timed(Stage::Store, aggregator.aggregate(schema, aggregation, limit)).await?;
        self.reads.note(schema, &aggregation.filter, started.elapsed(), None);
        let columns = Arc::clone(groups.schema());
        let first = groups.try_next().await?.map(in_range).transpose()?;
        let rest = groups.and_then(|batch| std::future::ready(in_range(batch)));
        Ok(RecordStream::new(columns, stream::iter(first.map(Ok)).chain(rest).boxed()))
    }

    /// The number of the last commit. What is read after this returns is no older.
    ///
    /// # Errors
    /// [`Error::Store`] when the schema was removed.
    pub async fn commit_seq(&self, schema: &Arc<Schema>) -> Result<u64, Error> {
        Ok(self.store.commit_seq(schema).await?)
    }

    /// Waits until the commit of a number, or a later one, is visible.
    ///
    /// # Errors
    /// [`Error::Store`] with a timeout when it is not within `at_most`.
    pub async fn wait_for_commit(&self, schema: &Arc<Schema>, commit_seq: u64, at_most: Duration) -> Result<(), Error> {
        Ok(timed(Stage::Store, self.store.wait_for_commit(schema, commit_seq, at_most)).await?)
    }

    /// Metrics of the store for those who operate it.
    pub fn metrics(&self) -> StoreMetrics {
        self.store.metrics()
    }

    /// Succeeds when the store can answer queries.
    ///
    /// # Errors
    /// [`Error::Store`] with what keeps it from answering.
    pub async fn check(&self) -> Result<(), Error> {
        Ok(self.store.check().await?)
    }

    /// The records of a scan, and how many its query matches if that was asked.
    async fn collect(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<(RecordBatch, Option<u64>), Error> {
        let records = async {
            let stream = self.store.scan(schema, request).await?;
            let total = stream.total();
            Ok((self.whole(stream).await?, total))
        };
        timed(Stage::Store, records).await
    }

    /// A stream as one batch. It is read no further than a page may be large.
    async fn whole(&self, mut stream: RecordStream) -> Result<RecordBatch, Error> {
        let columns = Arc::clone(stream.schema());
        let (mut batches, mut bytes) = (Vec::new(), 0);
        while let Some(batch) = stream.try_next().await? {
            bytes += bytes_of(&batch);
            if bytes > self.max_page_bytes {
                return Err(Error::PageTooLarge { limit_bytes: self.max_page_bytes as u64 });
            }
            batches.push(batch);
        }
        concat_batches(&columns, &batches).map_err(|error| StoreError::of_columns(error).into())
    }
}

/// Memory of the rows of a batch, which may be a part of more.
fn bytes_of(batch: &RecordBatch) -> usize {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    // A type whose size cannot be told is not one that a record has.
    sizes.filter_map(Result::ok).sum()
}

/// Groups whose figures all have a text: finite numbers, and times in the years 0000 to 9999, which the week that a
/// year begins in may precede.
fn in_range(groups: RecordBatch) -> Result<RecordBatch, StoreError> {
    let is_in_range = |column: &ArrayRef| match column.data_type() {
        ArrowType::Float64 => column.as_primitive::<Float64Type>().iter().flatten().all(f64::is_finite),
        ArrowType::Date32 => column.as_primitive::<Date32Type>().iter().flatten().all(temporal::is_date_in_range),
        ArrowType::Timestamp(..) => {
            column.as_primitive::<TimestampMicrosecondType>().iter().flatten().all(temporal::is_in_range)
        }
        _ => true,
    };
    if groups.columns().iter().all(is_in_range) {
        Ok(groups)
    } else {
        Err(StoreError::new(StoreErrorKind::OutOfRange, "a figure is beyond the range of its type"))
    }
}

/// The scan of a page: with one record more, which says whether another page follows.
pub(crate) fn page_scan(schema: &Schema, request: PageRequest) -> Result<ScanRequest, Error> {
    let (after, offset) = request.place(&Cursors::new(schema, &request.query))?;
    let PageRequest { query, limit, .. } = request;
    Ok(ScanRequest {
        query,
        after,
        offset,
        limit: Some(limit.saturating_add(1)),
        with_positions: true,
        counts_total: false,
    })
}

/// The scan of a stream.
pub(crate) fn stream_scan(schema: &Schema, request: StreamRequest) -> Result<ScanRequest, Error> {
    let StreamRequest { query, resume, limit, with_cursors } = request;
    let after = resume.map(|cursor| Cursors::new(schema, &query).decode(&cursor)).transpose()?;
    Ok(ScanRequest { query, after, offset: 0, limit, with_positions: with_cursors, counts_total: false })
}
