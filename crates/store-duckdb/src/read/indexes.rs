//! Which indexes would serve reads, and what they would cost.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{
    Access, IndexEstimate, IndexHint, ReadPlan, ReadRequest, ReadShape, ScanRequest, StoreError,
};
use eider_domain::{Aggregate, Aggregation, ColumnName, Condition, Field, Function, Operator};
use eider_engine_duckdb::connection::worker::{Decision, transaction};
use eider_engine_duckdb::read::{self, count_now};
use eider_engine_duckdb::{Connection, Relation};

use crate::read::shortcuts::Shortcuts;
use crate::table::lookups::is_equality;

/// Rows of a row group. A scan of fewer is too small for a word on indexes.
const ROW_GROUP_ROWS: u64 = 122_880;

/// The reads that the engine uses an index for.
const SERVED: &str = "reads without other conditions, cursor, or `sort` with a limit";

/// Nanoseconds that an index adds to a bulk call for each record (docs/benchmarks.md).
const WRITE_NANOS: u64 = 800;
/// What an index takes on disk for each record, where a value has several (docs/benchmarks.md).
const DISK_BYTES: u64 = 27;
/// The same where nearly every record has a value of its own.
const DISK_BYTES_UNIQUE: u64 = 50;

/// Of so many records the engine looks up so many by an index.
fn most_found(records: u64) -> u64 {
    (records / 1_000).max(2_048)
}

/// Whether an index on a property could find the records of reads: for an equality, whatever else there is, or for the
/// only condition.
pub(crate) fn index_serves(shape: &ReadShape, property: &str) -> bool {
    let is_alone = || !shape.has_others && shape.conditions.iter().all(|(other, _)| other == property);
    shape.conditions.iter().filter(|(name, _)| name == property).any(|(_, operator)| match operator {
        Operator::Eq => true,
        Operator::In | Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => is_alone(),
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
            is_worthwhile: records >= ROW_GROUP_ROWS && records_a_value <= most_found(records),
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

/// The indexes that would have found few enough records: as many as the engine looks up by an index.
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
    let limit = most_found(plan.records);
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
        // One that exists was not used for the form of the read, one that does not would not be.
        if is_declared == may_use_an_index(request, condition) || hints.iter().any(|hint| hint.property == name) {
            continue;
        }
        let matching = count_now(connection, relation, &condition.clone().into())?;
        if matching <= limit {
            hints.push(IndexHint { property: name.to_owned(), matching, serves_only: is_declared.then_some(SERVED) });
        }
    }
    Ok(hints)
}

/// Whether an index may be used: by a scan for an equality, which is looked up first; otherwise by the engine, when one condition is
/// all that it scans by. A cursor is another, and so is the last of the first records that a sort with a limit has found yet.
fn may_use_an_index(request: &ReadRequest, condition: &Condition) -> bool {
    if is_equality(condition) && request.scan().is_some() {
        return true;
    }
    let is_plain = |scan: &ScanRequest| scan.after.is_none() && (scan.query.sort.is_empty() || scan.limit.is_none());
    request.filter().condition_count() == 1 && request.scan().is_none_or(is_plain)
}
