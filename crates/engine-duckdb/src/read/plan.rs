//! How a scan is answered.

use arrow_array::RecordBatch;
use duckdb::Connection;
use eider_application::ports::{ScanRequest, StoreError};

use crate::relation::Relation;
use crate::sql::{self, Statement};

/// What answers a scan.
#[derive(Debug)]
pub enum Plan {
    /// A statement that is still to run; only so many of its first rows are asked for where a number is given.
    Run(Statement, Option<u64>),
    /// Rows that were found when the plan was made, and the statement that found them.
    Found(RecordBatch, Statement),
}

impl Plan {
    /// Reads the relation as it is.
    pub fn plain(relation: &Relation, request: &ScanRequest) -> Self {
        Self::Run(sql::scan(relation, request), sql::cut(request))
    }
}

/// What a store knows beyond its relation: ways to the records of a scan that the engine does not take by itself, such as an
/// index for one of several conditions.
pub trait Planner: Send + Sync {
    /// Plans a scan, in the snapshot that answers it. May run statements to find out.
    ///
    /// # Errors
    /// Whatever those statements fail with.
    fn plan(&self, connection: &Connection, relation: &Relation, request: &ScanRequest) -> Result<Plan, StoreError>;
}
