//! The ways that a file has to the records of a scan.

use std::sync::Arc;

use eider_application::ports::{ScanRequest, StoreError};
use eider_engine_duckdb::read::{Plan, Planner};
use eider_engine_duckdb::sql;
use eider_engine_duckdb::{Connection, Relation};

use crate::table::Table;
use crate::table::lookups::Lookups;
use crate::table::ranges::Ranges;

/// What is known of the table of a schema that leads to its records sooner.
pub(crate) struct Shortcuts {
    ranges: Arc<Ranges>,
    lookups: Arc<Lookups>,
    /// The number of the schema's last commit.
    commit_seq: u64,
}

impl Shortcuts {
    pub(crate) fn of(table: &Table) -> Self {
        let (ranges, lookups) = (Arc::clone(&table.ranges), Arc::clone(&table.lookups));
        Self { ranges, lookups, commit_seq: *table.committed.borrow() }
    }
}

impl Planner for Shortcuts {
    /// Among the records that an index finds, or else in a range of the sort key, or else as it is.
    fn plan(&self, connection: &Connection, relation: &Relation, request: &ScanRequest) -> Result<Plan, StoreError> {
        if let Some(condition) = self.lookups.condition(connection, relation, request)? {
            return Ok(Plan::Run(sql::scan_found(relation, request, condition), None));
        }
        let statement = sql::scan(relation, request);
        let page = self.ranges.page(connection, relation, request, &statement.sql, self.commit_seq)?;
        Ok(match page {
            Some((page, found_by)) => Plan::Found(page, found_by),
            None => Plan::Run(statement, sql::cut(request)),
        })
    }
}
