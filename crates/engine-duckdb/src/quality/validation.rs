//! Rules checked against everything that a schema holds: a statement for each, all in one snapshot.

use std::sync::{Arc, Weak};
use std::time::Instant;

use arrow_array::Array;
use arrow_schema::SchemaRef;
use duckdb::{Connection, params_from_iter};
use eider_application::{RuleOutcome, StoreError, StoreErrorKind, Validation, ValidationRequest, issue_columns};
use eider_domain::Schema;

use crate::columns::port_batch;
use crate::connection::functions::CalledRules;
use crate::connection::version::TableVersion;
use crate::connection::worker::{Decision, transaction};
use crate::error::store_error;
use crate::quality::issues::IssueWriter;
use crate::sql::{self, Statement};

/// What waits for a validation; without it nobody does.
pub type Caller = Weak<()>;

/// Checks every rule, and tells what was found of each.
pub fn validate(
    connection: &Connection,
    (schema, version): (&Schema, &TableVersion),
    request: &ValidationRequest,
    mut issues: IssueWriter,
    caller: &Caller,
) -> Result<Validation, StoreError> {
    transaction(connection, || {
        let Statement { sql, values } = sql::snapshot(schema);
        let snapshot = connection
            .query_row(&sql, params_from_iter(values.iter()), |row| Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?)));
        version.check()?;
        let (records, last) = snapshot.map_err(store_error)?;
        for place in 0..request.rules.len() {
            request.progress.found(check(connection, schema, place, request, &mut issues, caller)?);
        }
        let is_truncated = issues.is_truncated();
        let issues = Arc::new(issues.finish());
        let commit_seq = last.unsigned_abs();
        Ok(Decision::RollBack(Validation { records, commit_seq, is_truncated, issues }))
    })
}

/// Finds the issues of one rule.
fn check(
    connection: &Connection,
    schema: &Schema,
    place: usize,
    request: &ValidationRequest,
    issues: &mut IssueWriter,
    caller: &Caller,
) -> Result<RuleOutcome, StoreError> {
    let started = Instant::now();
    let (rule, numbered) = (&request.rules[place], CalledRules::new(&request.rules, vec![place]));
    let Statement { sql, values } = sql::issues(schema, rule, numbered.number(), request.at);
    let columns = issue_columns(rule);
    let (mut found, mut suggestions) = (0, 0);
    let mut section = issues.begin(SchemaRef::clone(&columns));
    ask_for(caller)?;
    let mut prepared = connection.prepare(&sql).map_err(store_error)?;
    for batch in prepared.stream_arrow(params_from_iter(values.iter())).map_err(store_error)? {
        // An interrupt that comes between two statements hits none.
        ask_for(caller)?;
        let batch = port_batch(&batch.map_err(store_error)?, &columns)?;
        found += batch.num_rows() as u64;
        if let Some(suggested) = batch.columns().last().filter(|_| rule.suggests()) {
            suggestions += (suggested.len() - suggested.null_count()) as u64;
        }
        section.push(batch)?;
    }
    let is_truncated = section.finish()?;
    Ok(RuleOutcome { issues: found, suggestions, is_truncated, elapsed: started.elapsed() })
}

fn ask_for(caller: &Caller) -> Result<(), StoreError> {
    if caller.strong_count() == 0 {
        return Err(StoreError::new(StoreErrorKind::Cancelled, "the validation was cancelled"));
    }
    Ok(())
}
