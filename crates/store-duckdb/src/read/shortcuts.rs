//! The ways that a file has to the records of a scan.

use std::sync::Arc;

use eider_application::ports::{ScanRequest, StoreError};
use eider_engine_duckdb::read::{Plan, Planner};
use eider_engine_duckdb::sql;
use eider_engine_duckdb::{Connection, Relation};

use crate::table::Table;
use crate::table::ranges::Ranges;

/// What is known of the table of a schema that leads to its records sooner.
pub(crate) struct Shortcuts {
    ranges: Arc<Ranges>,
    /// The number of the schema's last commit.
    commit_seq: u64,
}

impl Shortcuts {
    pub(crate) fn of(table: &Table) -> Self {
        Self { ranges: Arc::clone(&table.ranges), commit_seq: *table.committed.borrow() }
    }
}

impl Planner for Shortcuts {
    /// In a range of the sort key, or else as it is.
    fn plan(&self, connection: &Connection, relation: &Relation, request: &ScanRequest) -> Result<Plan, StoreError> {
        let statement = sql::scan(relation, request);
        let page = self.ranges.page(connection, relation, request, &statement.sql, self.commit_seq)?;
        Ok(match page {
            Some((page, found_by)) => Plan::Found(page, found_by),
            None => Plan::Run(statement, sql::cut(request)),
        })
    }
}
