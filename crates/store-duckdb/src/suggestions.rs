//! What rules suggest, written in one transaction: as a bulk call that replaces, but made in the engine.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use duckdb::{Connection, params_from_iter};
use eider_application::{CommitReceipt, StoreError, SuggestionOutcome, SuggestionRequest};
use eider_domain::{Field, Property, Rule, Schema, Value, ViolationCode, refusal};

use crate::catalog::Counters;
use crate::error::{internal, store_error};
use crate::keys::keys_of;
use crate::record_cache::{CachedRecords, Ids};
use crate::shared::Shared;
use crate::sql::{self, Statement};
use crate::worker::{self, Decision, transaction};

/// Applies rules, one after the other, to every record that breaks them now.
pub(crate) async fn apply(
    shared: &Shared,
    schema: &Arc<Schema>,
    request: SuggestionRequest,
) -> Result<SuggestionOutcome, StoreError> {
    // It may be every record of the schema.
    let _alone = shared.large_commits.lock().await;
    let mut turn = shared.turn(schema).await?;
    let (begun, schema) = (Instant::now(), Arc::clone(schema));
    let outcome = worker::write(&shared.pool, move |connection| {
        let (counters, records) = (turn.counters(), turn.records());
        let (written, next) = write(connection, &schema, &request, counters, &records)?;
        if let Some(next) = next {
            turn.advance_deleted(next);
        }
        Ok(match written {
            Written::Nothing => {
                SuggestionOutcome::Written { receipt: turn.unchanged(), changed: vec![0; request.rules.len()] }
            }
            Written::Some(outcome) => outcome,
        })
    })
    .await?;
    if matches!(&outcome, SuggestionOutcome::Written { receipt, .. } if receipt.rows > 0) {
        shared.commits.bulk_seconds.record(begun.elapsed().as_secs_f64());
    }
    Ok(outcome)
}

/// How a transaction ended.
enum Written {
    /// No record breaks any rule.
    Nothing,
    Some(SuggestionOutcome),
}

/// The transaction, and the counters after it when anything was changed.
fn write(
    connection: &Connection,
    schema: &Schema,
    request: &SuggestionRequest,
    counters: Counters,
    records: &CachedRecords,
) -> Result<(Written, Option<Counters>), StoreError> {
    let rules = &request.rules;
    let mut change = None;
    let written = transaction(connection, || {
        let Statement { sql, values } = sql::make_suggested(schema, rules, request.at);
        connection.execute(&sql, params_from_iter(values.iter())).map_err(store_error)?;
        let counts = counts(connection, rules)?;
        let Some((rows, changed)) = counts.split_first().filter(|(rows, _)| **rows > 0) else {
            return Ok(Decision::RollBack((Written::Nothing, None)));
        };
        let changed_fields = sql::changed_fields(rules);
        for field in &changed_fields {
            let Some(property) = property_of(schema, field) else { continue };
            if let Some(code) = refused(connection, rules, field, property)? {
                let outcome = SuggestionOutcome::NotStorable(field.clone(), code);
                return Ok(Decision::RollBack((Written::Some(outcome), None)));
            }
        }
        for fields in keys_of(schema, false) {
            let is_changed = fields.iter().any(|field| changed_fields.contains(field));
            if is_changed && is_shared(connection, schema, &fields)? {
                return Ok(Decision::RollBack((Written::Some(SuggestionOutcome::NotUnique(fields)), None)));
            }
        }
        change = Some(records.begin_change(Ids::All));
        for statement in sql::replace_suggested(schema, counters.next_sequence()) {
            connection.execute_batch(&statement).map_err(store_error)?;
        }
        let appended = i64::try_from(*rows).map_err(|_| internal("a write has too many rows"))?;
        let next = counters.after(appended);
        let receipt = CommitReceipt { rows: *rows, commit_seq: next.commit_seq() };
        let outcome = SuggestionOutcome::Written { receipt, changed: changed.to_vec() };
        Ok(Decision::Commit((Written::Some(outcome), Some(next))))
    });
    drop(change);
    written
}

/// How many records are suggested, and how many each rule changed.
fn counts(connection: &Connection, rules: &[Rule]) -> Result<Vec<u64>, StoreError> {
    let read = |row: &duckdb::Row<'_>| {
        (0..=rules.len()).map(|column| row.get::<_, i64>(column)).collect::<Result<Vec<_>, _>>()
    };
    let counts = connection.query_row(&sql::count_suggested(rules), [], read).map_err(store_error)?;
    Ok(counts.into_iter().map(i64::unsigned_abs).collect())
}

fn is_shared(connection: &Connection, schema: &Schema, fields: &[Field]) -> Result<bool, StoreError> {
    connection.query_row(&sql::is_shared(schema, fields), [], |row| row.get(0)).map_err(store_error)
}

/// Why the schema refuses what is suggested for a field, if it does.
fn refused(
    connection: &Connection,
    rules: &[Rule],
    field: &Field,
    property: &Property,
) -> Result<Option<ViolationCode>, StoreError> {
    if property.constraints.is_empty() {
        return Ok(None);
    }
    let mut statement = connection.prepare(&sql::suggested_values(rules, field)).map_err(store_error)?;
    for batch in statement.stream_arrow([]).map_err(store_error)? {
        let batch = batch.map_err(store_error)?;
        let values = batch.column(0).as_string::<i32>();
        let mut texts = (0..values.len()).filter(|row| values.is_valid(*row)).map(|row| values.value(row).to_owned());
        if let Some(code) = texts.find_map(|text| refusal(property, &Value::Text(text.into()))) {
            return Ok(Some(code));
        }
    }
    Ok(None)
}

fn property_of<'s>(schema: &'s Schema, field: &Field) -> Option<&'s Property> {
    match field {
        Field::Property { index, .. } => schema.properties().get(*index),
        Field::System(_) | Field::Computed { .. } => None,
    }
}
