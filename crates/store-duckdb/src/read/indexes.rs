//! Which indexes would serve reads, and what they would cost.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{Access, IndexEstimate, IndexHint, ReadPlan, ReadRequest, ReadShape, StoreError};
use eider_domain::{Aggregate, Aggregation, ColumnName, Field, Function, Operator};
use eider_engine_duckdb::connection::worker::{Decision, transaction};
use eider_engine_duckdb::read::{self, count_now};
use eider_engine_duckdb::{Connection, Relation};

use crate::read::by_index::MOST_OF_VALUE;
use crate::read::shortcuts::Shortcuts;

/// Rows of a row group. A scan of fewer is too small for a word on indexes.
const ROW_GROUP_ROWS: u64 = 122_880;

/// The reads that an index serves.
const SERVED: &str = "reads of records without patterns, not counts and groups";

/// Nanoseconds that an index adds to a bulk call for each record (docs/benchmarks.md).
const WRITE_NANOS: u64 = 800;
/// What an index takes on disk for each record, where a value has several (docs/benchmarks.md).
const DISK_BYTES: u64 = 27;
/// The same where nearly every record has a value of its own.
const DISK_BYTES_UNIQUE: u64 = 50;

/// Whether an index on a property could find the records of reads.
pub(crate) fn index_serves(shape: &ReadShape, property: &str) -> bool {
    shape.conditions.iter().filter(|(name, _)| name == property).any(|(_, operator)| match operator {
        Operator::Eq | Operator::In | Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => true,
        Operator::Ne | Operator::Like | Operator::Ilike | Operator::IsNull | Operator::IsNotNull => false,
    })
}

/// The figures by which indexes on properties are judged: how many values each has, and about how many different ones.
pub(crate) fn index_statistics(properties: &[Field]) -> Option<Aggregation> {
    let functions = [Function::Count, Function::ApproxCountDistinct];
    let figures = properties.iter().flat_map(|field| functions.map(|function| (function, field.clone())));
    let figure = |(index, (function, field)): (usize, (Function, Field))| {
        let name = ColumnName::parse(&format!("c{index}")).ok();
        Aggregate::new(function, Some(field), None).map(|figure| (name, figure)).ok()
    };
    Aggregation::new(Vec::new(), figures.enumerate().filter_map(figure).collect()).ok()
}

/// What an index would do on each of the properties whose [`index_statistics`] these are.
pub(crate) fn index_estimates(figures: &RecordBatch, records: u64) -> Vec<IndexEstimate> {
    let columns = figures.columns().iter();
    let counts: Vec<u64> = columns.map(|column| column.as_primitive::<Int64Type>().value(0).unsigned_abs()).collect();
    let estimate = |pair: &[u64]| {
        let (present, distinct) = (pair[0], pair[1].min(pair[0]));
        // No value stands for the records that have none.
        let records_a_value = present.checked_div(distinct).unwrap_or(0);
        let bytes = if records_a_value < 2 { DISK_BYTES_UNIQUE } else { DISK_BYTES };
        IndexEstimate {
            records_a_value,
            is_worthwhile: records >= ROW_GROUP_ROWS && records_a_value <= MOST_OF_VALUE as u64,
            write_nanos: WRITE_NANOS,
            disk_bytes: records * bytes,
        }
    };
    counts.chunks_exact(2).map(estimate).collect()
}

/// Runs a read in a snapshot of its own and says how that was done, and which indexes would have served it.
pub(crate) fn explain(
    connection: &Connection,
    relation: &Relation,
    request: &ReadRequest,
    shortcuts: &Shortcuts,
) -> Result<ReadPlan, StoreError> {
    transaction(connection, || {
        let mut plan = read::explain(connection, relation, request, shortcuts)?;
        plan.index_hints = index_hints(connection, relation, request, &plan)?;
        Ok(Decision::RollBack(plan))
    })
}

/// The indexes that would have found few enough records.
fn index_hints(
    connection: &Connection,
    relation: &Relation,
    request: &ReadRequest,
    plan: &ReadPlan,
) -> Result<Vec<IndexHint>, StoreError> {
    let mut hints = Vec::<IndexHint>::new();
    if matches!(plan.access, Access::Index { .. } | Access::Nothing) || plan.scanned < ROW_GROUP_ROWS {
        return Ok(hints);
    }
    for condition in request.filter().required_conditions() {
        let asks_for_values = match condition.operator() {
            Operator::Eq | Operator::In => true,
            Operator::Ne
            | Operator::Gt
            | Operator::Gte
            | Operator::Lt
            | Operator::Lte
            | Operator::Like
            | Operator::Ilike
            | Operator::IsNull
            | Operator::IsNotNull => false,
        };
        let Some(property) = relation.property(condition.field()).filter(|_| asks_for_values) else { continue };
        let (name, is_declared) = (property.name.as_str(), property.has_index());
        // One that does not exist would not be used for the form of the read.
        if (!is_declared && request.scan().is_none()) || hints.iter().any(|hint| hint.property == name) {
            continue;
        }
        let matching = count_now(connection, relation, &condition.clone().into())?;
        if matching <= MOST_OF_VALUE as u64 {
            hints.push(IndexHint { property: name.to_owned(), matching, serves_only: is_declared.then_some(SERVED) });
        }
    }
    Ok(hints)
}
