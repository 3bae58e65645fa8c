//! Which indexes the reads of a schema would use, which they do not, and what one costs.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_domain::{Aggregate, Aggregation, ColumnName, Field, Function, Schema};
use futures::TryStreamExt;
use tracing::instrument;

use crate::read_log::{ReadShape, SchemaReads, SeenReads};
use crate::timings::{Stage, timed};
use crate::{Error, QueryService, offered};

/// Most properties that are looked at as candidates, those first whose reads took longest.
const MAX_CANDIDATES: usize = 20;
/// Records of a value up to which an index is used at least.
const MOST_ROWS: u64 = 2_048;
/// Of so many records one may be found by an index, if that is more than [`MOST_ROWS`].
const RECORDS_A_MATCH: u64 = 1_000;
/// Records from which on a scan takes long enough for a word.
const LEAST_RECORDS: u64 = 122_880;
/// Nanoseconds that an index adds to a bulk call for each record (docs/benchmarks.md).
const WRITE_NANOS: u64 = 800;
/// What an index takes on disk for each record, where a value has several (docs/benchmarks.md).
const DISK_BYTES: u64 = 27;
/// The same where nearly every record has a value of its own.
const DISK_BYTES_UNIQUE: u64 = 50;

/// A property that reads have conditions on which an index could serve.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexCandidate {
    /// The property, which has no index.
    pub property: String,
    /// The reads.
    pub seen: SeenReads,
    /// Records that have the same value, on average, of those that have one; about. At least 1 where any has.
    pub records_a_value: u64,
    /// Whether an index would be used: the records are many, and those of a value few.
    pub is_worthwhile: bool,
    /// Nanoseconds that it would add to a bulk call for each record; about.
    pub write_nanos: u64,
    /// What it would take on disk; about.
    pub disk_bytes: u64,
}

/// An index that no read could have used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedIndex {
    /// The property.
    pub property: String,
    /// Whether it also keeps values from coming twice.
    pub is_unique: bool,
}

/// What the reads of a schema say about its indexes.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexAdvice {
    /// For how long reads have been noted.
    pub observed: Duration,
    /// Records of the schema.
    pub records: u64,
    /// What was asked for, those first that took longest.
    pub shapes: Vec<(ReadShape, SeenReads)>,
    /// Reads with conditions whose shape is not told apart, since there were too many.
    pub others: u64,
    /// What could be indexed, those first whose reads took longest.
    pub candidates: Vec<IndexCandidate>,
    /// What is indexed and was not asked for.
    pub unused: Vec<UnusedIndex>,
}

impl QueryService {
    /// What the reads of a schema, since the server started, say about its indexes. Counts the different values of the
    /// properties that could be indexed, which takes a pass over them.
    ///
    /// # Errors
    /// [`Error::Store`].
    #[instrument(name = "schemas.advise", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn advise(&self, schema: &Arc<Schema>) -> Result<IndexAdvice, Error> {
        let statistics = timed(Stage::Store, self.store.statistics(schema)).await?;
        let records = statistics.record_count;
        let SchemaReads { shapes, others } = self.reads.of(schema);
        let asked = asked(schema, &shapes);
        let distinct = self.distinct(schema, asked.iter().map(|(field, _)| field.clone()).collect()).await?;
        let candidates = asked.into_iter().zip(distinct).map(|((field, seen), (present, distinct))| {
            // No value stands for the records that have none.
            let records_a_value = present.checked_div(distinct).unwrap_or(0);
            let bytes = if records_a_value < 2 { DISK_BYTES_UNIQUE } else { DISK_BYTES };
            let most = MOST_ROWS.max(records / RECORDS_A_MATCH);
            IndexCandidate {
                property: field.name().to_owned(),
                seen,
                records_a_value,
                is_worthwhile: records >= LEAST_RECORDS && records_a_value <= most,
                write_nanos: WRITE_NANOS,
                disk_bytes: records * bytes,
            }
        });
        let is_unused = |property: &str| shapes.keys().all(|shape| !shape.could_use(property));
        // An index on several properties finds no records; it keeps them apart.
        let unused = statistics.indexes.iter().filter_map(|index| match index.fields.as_slice() {
            [field] if is_unused(field.name()) => {
                Some(UnusedIndex { property: field.name().to_owned(), is_unique: index.is_unique })
            }
            _ => None,
        });
        let (candidates, unused) = (candidates.collect(), unused.collect());
        let mut shapes: Vec<(ReadShape, SeenReads)> = shapes.into_iter().collect();
        shapes.sort_by_cached_key(|(shape, seen)| (std::cmp::Reverse(seen.elapsed), shape.to_string()));
        Ok(IndexAdvice { observed: self.reads.observed(), records, shapes, others, candidates, unused })
    }

    /// How many values fields have, and about how many different ones; no more than there are.
    async fn distinct(&self, schema: &Arc<Schema>, fields: Vec<Field>) -> Result<Vec<(u64, u64)>, Error> {
        let functions = [Function::Count, Function::ApproxCountDistinct];
        let figures = fields.into_iter().flat_map(|field| functions.map(|function| (function, field.clone())));
        let figure = |(index, (function, field)): (usize, (Function, Field))| {
            let name = ColumnName::parse(&format!("c{index}")).ok();
            Aggregate::new(function, Some(field), None).map(|figure| (name, figure)).ok()
        };
        let figures = figures.enumerate().filter_map(figure).collect();
        let Ok(aggregation) = Aggregation::new(Vec::new(), figures) else { return Ok(Vec::new()) };
        let aggregator = offered(self.store.aggregator(), "aggregations")?;
        let counted = async { aggregator.aggregate(schema, &aggregation, None).await?.try_next().await };
        let row = timed(Stage::Store, counted).await?;
        let columns = row.iter().flat_map(arrow_array::RecordBatch::columns);
        let counts: Vec<u64> =
            columns.map(|column| column.as_primitive::<Int64Type>().value(0).unsigned_abs()).collect();
        Ok(counts.chunks_exact(2).map(|pair| (pair[0], pair[1].min(pair[0]))).collect())
    }
}

/// The properties without an index that reads would use one on, and those reads; those first that took longest.
fn asked(schema: &Schema, shapes: &std::collections::HashMap<ReadShape, SeenReads>) -> Vec<(Field, SeenReads)> {
    let properties = schema.properties().iter().filter(|property| !property.has_index());
    let properties = properties.filter(|property| property.data_type.is_comparable());
    let asked = properties.filter_map(|property| {
        let name = property.name.as_str();
        let using = shapes.iter().filter(|(shape, _)| shape.could_use(name));
        let seen = using.map(|(_, seen)| *seen).reduce(|sum, seen| SeenReads {
            reads: sum.reads + seen.reads,
            elapsed: sum.elapsed + seen.elapsed,
            slowest: sum.slowest.max(seen.slowest),
            counted: sum.counted + seen.counted,
            matched: sum.matched + seen.matched,
        })?;
        Some((schema.field(name).ok()?, seen))
    });
    let mut asked: Vec<(Field, SeenReads)> = asked.collect();
    asked.sort_by_key(|(field, seen)| (std::cmp::Reverse(seen.elapsed), field.column()));
    asked.truncate(MAX_CANDIDATES);
    asked
}
