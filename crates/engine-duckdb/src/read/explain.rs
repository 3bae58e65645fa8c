//! How the engine ran a read.
//!
//! The read is run: the engine decides only then whether an index serves it, and which row groups it passes over.

use duckdb::{Connection, params_from_iter};
use eider_application::ports::{Access, ReadPlan, ReadRequest, Sorting, StoreError};
use eider_domain::Filter;
use serde_json::Value as Json;

use crate::error::{internal, store_error};
use crate::read::count::count_now;
use crate::read::plan::{Plan, Planner};
use crate::relation::Relation;
use crate::sql::{self, Statement, Summation};

/// Runs a read in the transaction that its caller has begun, and says how that was done. Hints are for the store to add.
///
/// # Errors
/// Whatever the read fails with.
pub fn explain(
    connection: &Connection,
    relation: &Relation,
    request: &ReadRequest,
    planner: &dyn Planner,
) -> Result<ReadPlan, StoreError> {
    let statement = statement(connection, relation, request, planner)?;
    let profile = profile(connection, &statement)?;
    let records = count_now(connection, relation, &Filter::everything())?;
    Ok(ReadPlan {
        access: access(relation, request, &profile, records),
        records,
        scanned: profile.scans.iter().map(|scan| scan.rows).sum(),
        returned: match request {
            ReadRequest::Scan(scan) => profile.returned.min(scan.limit.unwrap_or(u64::MAX)),
            ReadRequest::Count(_) => 1,
            ReadRequest::Groups(_) => profile.returned,
        },
        sorting: sorting(request, &profile),
        index_hints: Vec::new(),
    })
}

/// The statement that answers a read.
fn statement(
    connection: &Connection,
    relation: &Relation,
    request: &ReadRequest,
    planner: &dyn Planner,
) -> Result<Statement, StoreError> {
    Ok(match request {
        ReadRequest::Count(filter) => sql::count(relation, filter),
        ReadRequest::Groups(aggregation) => sql::aggregate(relation, aggregation, None, Summation::Any),
        ReadRequest::Scan(scan) => match planner.plan(connection, relation, scan)? {
            Plan::Run(statement, _) | Plan::Found(_, statement) => statement,
        },
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
        profile.returned = rows_of(answer)?;
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

/// The rows that an operator yields. A union hands on those of its parts and counts none.
fn rows_of(operator: &Json) -> Option<u64> {
    if operator["type"] == "UNION" {
        return operator["children"].as_array()?.iter().map(rows_of).sum();
    }
    operator.get("intermediate_rows")?.as_u64()
}

fn profile(connection: &Connection, statement: &Statement) -> Result<Profile, StoreError> {
    let explained = format!("EXPLAIN (ANALYZE, FORMAT JSON) {}", statement.sql);
    let mut prepared = connection.prepare(&explained).map_err(store_error)?;
    let row = prepared.query_row(params_from_iter(statement.values.iter()), |row| row.get::<_, String>(1));
    let document: Json = serde_json::from_str(&row.map_err(store_error)?)
        .map_err(|error| internal("the engine's profile cannot be read").with_source(error))?;
    Profile::of(&document).ok_or_else(|| internal("the engine's profile has another form"))
}

fn access(relation: &Relation, request: &ReadRequest, profile: &Profile, records: u64) -> Access {
    match profile.scans.iter().max_by_key(|scan| scan.rows) {
        None => Access::Nothing,
        Some(scan) if scan.is_by_index => {
            // The engine uses an index for conditions on its column alone.
            let conditions = request.filter().required_conditions();
            let mut properties = conditions.into_iter().filter_map(|condition| relation.property(condition.field()));
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
