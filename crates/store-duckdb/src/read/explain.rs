//! How the engine ran a read.
//!
//! The read is run: the engine decides only then whether an index serves it, and which row groups it passes over.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::{
    Access, IndexEstimate, IndexHint, ReadPlan, ReadRequest, ReadShape, ScanRequest, Sorting, StoreError,
};
use eider_domain::{
    Aggregate, Aggregation, ColumnName, Condition, Field, Filter, Function, Operator, Property, Schema,
};
use eider_engine_duckdb::columns::scan_schema;
use eider_engine_duckdb::connection::worker::{Decision, transaction};
use eider_engine_duckdb::error::{internal, store_error};
use eider_engine_duckdb::sql::{self, Statement};
use eider_engine_duckdb::{Connection, params_from_iter};
use serde_json::Value as Json;

use crate::table::lookups::Lookups;
use crate::table::ranges::Ranges;

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
        _ => false,
    })
}

/// The figures by which indexes on properties are judged: how many values each has, and about how many different ones.
pub(crate) fn index_figures(properties: &[Field]) -> Option<Aggregation> {
    let functions = [Function::Count, Function::ApproxCountDistinct];
    let figures = properties.iter().flat_map(|field| functions.map(|function| (function, field.clone())));
    let figure = |(index, (function, field)): (usize, (Function, Field))| {
        let name = ColumnName::parse(&format!("c{index}")).ok();
        Aggregate::new(function, Some(field), None).map(|figure| (name, figure)).ok()
    };
    Aggregation::new(Vec::new(), figures.enumerate().filter_map(figure).collect()).ok()
}

/// What an index would do on each of the properties whose [`index_figures`] these are.
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

/// Runs a read in a snapshot of its own and says how that was done. `commit_seq` is the number of the last commit.
pub(crate) fn explain(
    connection: &Connection,
    schema: &Schema,
    request: &ReadRequest,
    (ranges, lookups): (&Ranges, &Lookups),
    commit_seq: u64,
) -> Result<ReadPlan, StoreError> {
    transaction(connection, || {
        let statement = statement(connection, schema, request, (ranges, lookups), commit_seq)?;
        let profile = profile(connection, &statement)?;
        let records = count(connection, schema, &Filter::everything())?;
        let mut plan = ReadPlan {
            access: access(schema, request, &profile, records),
            records,
            scanned: profile.scans.iter().map(|scan| scan.rows).sum(),
            returned: match request {
                ReadRequest::Scan(scan) => profile.returned.min(scan.limit.unwrap_or(u64::MAX)),
                ReadRequest::Count(_) => 1,
                ReadRequest::Groups(_) => profile.returned,
            },
            sorting: sorting(request, &profile),
            index_hints: Vec::new(),
        };
        plan.index_hints = index_hints(connection, schema, request, &plan)?;
        Ok(Decision::RollBack(plan))
    })
}

/// What the engine's profile of a statement says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Profile {
    operators: Vec<String>,
    scans: Vec<TableScan>,
    returned: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct TableScan {
    rows: u64,
    is_by_index: bool,
}

impl Profile {
    /// Reads the profile of `EXPLAIN (ANALYZE, FORMAT JSON)`. That of a statement that the engine answers while it plans
    /// has no operators.
    fn of(document: &Json) -> Option<Self> {
        let mut profile = Self::default();
        let Some(collector) = document.get("operator") else { return Some(profile) };
        // Operators that collect and explain stand above the statement's own.
        let mut statement = collector.get(0)?;
        while statement["type"].as_str()? != "EXPLAIN_ANALYZE" {
            statement = statement["children"].get(0)?;
        }
        let statement = statement["children"].get(0)?;
        // What is gathered first stands beside what is done with it.
        let answer = if statement["type"] == "CTE" { statement["children"].as_array()?.last()? } else { statement };
        profile.returned = answer.get("intermediate_rows")?.as_u64()?;
        profile.add(statement)?;
        Some(profile)
    }

    fn add(&mut self, operator: &Json) -> Option<()> {
        let kind = operator["type"].as_str()?;
        if kind == "TABLE_SCAN" {
            let is_by_index = operator["extra_info"]["Type"] == "Index Scan";
            self.scans.push(TableScan { rows: operator["rows_scanned"].as_u64()?, is_by_index });
        }
        self.operators.push(kind.to_owned());
        operator["children"].as_array().into_iter().flatten().try_for_each(|child| self.add(child))
    }

    fn has(&self, kind: &str) -> bool {
        self.operators.iter().any(|operator| operator == kind)
    }
}

/// The statement that answers a read, which may look in a range of its sort key, or among records that an index finds.
fn statement(
    connection: &Connection,
    schema: &Schema,
    request: &ReadRequest,
    (ranges, lookups): (&Ranges, &Lookups),
    commit_seq: u64,
) -> Result<Statement, StoreError> {
    match request {
        ReadRequest::Count(filter) => Ok(sql::count(schema, filter)),
        ReadRequest::Groups(aggregation) => Ok(sql::aggregate(schema, aggregation, None, sql::Summation::Any)),
        ReadRequest::Scan(scan) => {
            if let Some(condition) = lookups.condition(connection, schema, scan)? {
                return Ok(sql::scan_found(schema, scan, condition));
            }
            let plain = sql::scan(schema, scan);
            let page = ranges.page(connection, schema, scan, (&plain.sql, &scan_schema(schema, scan)), commit_seq)?;
            Ok(page.map_or(plain, |(_, statement)| statement))
        }
    }
}

fn profile(connection: &Connection, statement: &Statement) -> Result<Profile, StoreError> {
    let explained = format!("EXPLAIN (ANALYZE, FORMAT JSON) {}", statement.sql);
    let mut prepared = connection.prepare(&explained).map_err(store_error)?;
    let row = prepared.query_row(params_from_iter(statement.values.iter()), |row| row.get::<_, String>(1));
    let document: Json = serde_json::from_str(&row.map_err(store_error)?)
        .map_err(|error| internal("the engine's profile cannot be read").with_source(error))?;
    Profile::of(&document).ok_or_else(|| internal("the engine's profile has another form"))
}

fn count(connection: &Connection, schema: &Schema, filter: &Filter) -> Result<u64, StoreError> {
    let Statement { sql, values } = sql::count(schema, filter);
    connection.query_row(&sql, params_from_iter(values.iter()), |row| row.get(0)).map_err(store_error)
}

fn access(schema: &Schema, request: &ReadRequest, profile: &Profile, records: u64) -> Access {
    match profile.scans.iter().max_by_key(|scan| scan.rows) {
        None => Access::Nothing,
        Some(scan) if scan.is_by_index => {
            // The engine uses an index for conditions on its column alone.
            let conditions = request.filter().required_conditions();
            let mut properties = conditions.into_iter().filter_map(|condition| property_of(schema, condition));
            let indexed = properties.find(|property| property.has_index());
            indexed
                .map_or(Access::PartialScan, |property| Access::Index { property: property.name.as_str().to_owned() })
        }
        Some(scan) if scan.rows < records => Access::PartialScan,
        Some(_) => Access::FullScan,
    }
}

fn sorting(request: &ReadRequest, profile: &Profile) -> Sorting {
    // The engine also sorts by itself, to put rows that it looks up late back into the order of the table.
    if profile.scans.is_empty() || request.scan().is_none_or(|scan| scan.query.sort.is_empty()) {
        Sorting::Nothing
    } else if profile.has("TOP_N") {
        Sorting::TopK
    } else if profile.has("ORDER_BY") {
        Sorting::Full
    } else {
        Sorting::Nothing
    }
}

/// The indexes that would have found few enough records: as many as the engine looks up by an index.
fn index_hints(
    connection: &Connection,
    schema: &Schema,
    request: &ReadRequest,
    plan: &ReadPlan,
) -> Result<Vec<IndexHint>, StoreError> {
    let mut hints = Vec::<IndexHint>::new();
    if matches!(plan.access, Access::Index { .. } | Access::Nothing) || plan.scanned < ROW_GROUP_ROWS {
        return Ok(hints);
    }
    let limit = most_found(plan.records);
    for condition in request.filter().required_conditions() {
        let is_equality = matches!(condition.operator(), Operator::Eq | Operator::In);
        let Some(property) = property_of(schema, condition).filter(|_| is_equality) else { continue };
        let (name, is_declared) = (property.name.as_str(), property.has_index());
        // One that exists was not used for the form of the read, one that does not would not be.
        if is_declared == may_use_an_index(request, condition) || hints.iter().any(|hint| hint.property == name) {
            continue;
        }
        let matching = count(connection, schema, &condition.clone().into())?;
        if matching <= limit {
            hints.push(IndexHint { property: name.to_owned(), matching, serves_only: is_declared.then_some(SERVED) });
        }
    }
    Ok(hints)
}

/// Whether an index may be used: by a scan for an equality, which is looked up first; otherwise by the engine, when one condition is
/// all that it scans by. A cursor is another, and so is the last of the first records that a sort with a limit has found yet.
fn may_use_an_index(request: &ReadRequest, condition: &Condition) -> bool {
    if condition.operator() == Operator::Eq && request.scan().is_some() {
        return true;
    }
    let is_plain = |scan: &ScanRequest| scan.after.is_none() && (scan.query.sort.is_empty() || scan.limit.is_none());
    request.filter().condition_count() == 1 && request.scan().is_none_or(is_plain)
}

fn property_of<'s>(schema: &'s Schema, condition: &Condition) -> Option<&'s Property> {
    match condition.field() {
        Field::Property { index, .. } => schema.properties().get(*index),
        Field::System(_) | Field::Computed { .. } => None,
    }
}
