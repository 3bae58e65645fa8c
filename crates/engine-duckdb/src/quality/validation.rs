//! Rules checked against everything that a schema holds: a statement for each, all in one snapshot.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Instant;

use arrow_array::Array;
use arrow_schema::SchemaRef;
use duckdb::{Connection, params_from_iter};
use eider_application::ports::{RuleOutcome, StoreError, StoreErrorKind, Validation, ValidationRequest, issue_columns};

use crate::columns::port_batch;
use crate::connection::functions::CalledRules;
use crate::connection::pool::Pool;
use crate::connection::worker::{self, Decision, transaction};
use crate::error::store_error;
use crate::quality::issues::IssueWriter;
use crate::relation::Relation;
use crate::sql::{self, Statement};

/// What waits for a validation; without it nobody does.
type Caller = Weak<()>;

/// Checks every rule in one snapshot, and tells what was found of each. Dropping the future interrupts that.
///
/// `snapshot` yields how many records there are and the number of the last commit. Issues wait in a file without a name in
/// `directory`.
///
/// # Errors
/// `SchemaChanged` when the relation is of an older version by then; `Unavailable` with the budget `pool` or
/// `schema_change`; `StorageFull`; whatever the engine fails with.
pub async fn validate(
    pool: &Pool,
    relation: Arc<Relation>,
    snapshot: Statement,
    request: ValidationRequest,
    directory: PathBuf,
) -> Result<Validation, StoreError> {
    let waiting = Arc::new(());
    let caller = Arc::downgrade(&waiting);
    let issues = IssueWriter::new(directory, request.max_issue_bytes, request.rules.len());
    let check = move |connection: &_| check_all(connection, &relation, &snapshot, &request, issues, &caller);
    worker::read(pool, check).await
}

fn check_all(
    connection: &Connection,
    relation: &Relation,
    snapshot: &Statement,
    request: &ValidationRequest,
    mut issues: IssueWriter,
    caller: &Caller,
) -> Result<Validation, StoreError> {
    transaction(connection, || {
        let Statement { sql, values } = snapshot;
        let snapshot = connection
            .query_row(sql, params_from_iter(values.iter()), |row| Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?)));
        relation.version().check()?;
        let (records, last) = snapshot.map_err(store_error)?;
        for place in 0..request.rules.len() {
            request.progress.found(check(connection, relation, place, request, &mut issues, caller)?);
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
    relation: &Relation,
    place: usize,
    request: &ValidationRequest,
    issues: &mut IssueWriter,
    caller: &Caller,
) -> Result<RuleOutcome, StoreError> {
    let started = Instant::now();
    let (rule, numbered) = (&request.rules[place], CalledRules::new(&request.rules, vec![place]));
    let Statement { sql, values } = sql::issues(relation, rule, numbered.number(), request.at);
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
