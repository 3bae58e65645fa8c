//! What rules suggest, written in one transaction: as a bulk call that replaces, but made in the engine.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use eider_application::{CommitReceipt, StoreError, SuggestionOutcome, SuggestionRequest};
use eider_domain::{Field, Property, Schema, Value, ViolationCode, chains, refusal};
use eider_engine_duckdb::connection::functions::{CalledRules, UNSETTLED};
use eider_engine_duckdb::connection::worker::{self, Decision, transaction};
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::sql::{self, Statement};
use eider_engine_duckdb::{Connection, params_from_iter};

use crate::catalog::Counters;
use crate::table::Shared;
use crate::table::record_cache::{CachedRecords, Ids};
use crate::write::keys::keys_of;

/// Applies rules together to every record that breaks them now.
pub(crate) async fn apply(
    shared: &Shared,
    schema: &Arc<Schema>,
    request: SuggestionRequest,
) -> Result<SuggestionOutcome, StoreError> {
    // It may be every record of the schema.
    let _alone = shared.large_commits.lock().await;
    let mut lock = shared.write_lock(schema).await?;
    let (begun, schema) = (Instant::now(), Arc::clone(schema));
    let outcome = worker::write(&shared.pool, move |connection| {
        let (counters, records) = (lock.counters(), lock.records());
        let (written, next) = write(connection, &schema, &request, counters, &records)?;
        if let Some(next) = next {
            lock.advance_deleted(next);
        }
        Ok(match written {
            Written::Nothing => {
                SuggestionOutcome::Written { receipt: lock.unchanged(), changed: vec![0; request.rules.len()] }
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
    let chains = chains(rules).into_iter().map(|(field, places)| (field, CalledRules::new(rules, places)));
    let chains: Vec<(Field, CalledRules)> = chains.collect();
    let numbered: Vec<(Field, i64)> = chains.iter().map(|(field, called)| (field.clone(), called.number())).collect();
    let mut change = None;
    let written = transaction(connection, || {
        let Statement { sql, values } = sql::make_suggested(schema, &numbered, request.at);
        connection.execute(&sql, params_from_iter(values.iter())).map_err(store_error)?;
        let rows =
            connection.query_row(&sql::count_suggested(), [], |row| row.get::<_, i64>(0)).map_err(store_error)?;
        if rows == 0 {
            return Ok(Decision::RollBack((Written::Nothing, None)));
        }
        let changed = match changes(connection, rules.len(), numbered.len())? {
            Ok(changed) => changed,
            Err(places) => {
                return Ok(Decision::RollBack((Written::Some(SuggestionOutcome::Unsettled(places)), None)));
            }
        };
        for (index, (field, _)) in numbered.iter().enumerate() {
            let Some(property) = property_of(schema, field) else { continue };
            if let Some(code) = refused(connection, index, field, property)? {
                let outcome = SuggestionOutcome::NotStorable(field.clone(), code);
                return Ok(Decision::RollBack((Written::Some(outcome), None)));
            }
        }
        for fields in keys_of(schema, false) {
            let is_changed = fields.iter().any(|field| numbered.iter().any(|(changed, _)| changed == field));
            if is_changed && is_shared(connection, schema, &fields)? {
                return Ok(Decision::RollBack((Written::Some(SuggestionOutcome::NotUnique(fields)), None)));
            }
        }
        change = Some(records.begin_change(Ids::All));
        for statement in sql::replace_suggested(schema, counters.next_sequence()) {
            connection.execute_batch(&statement).map_err(store_error)?;
        }
        let next = counters.after(rows);
        let receipt = CommitReceipt { rows: rows.unsigned_abs(), commit_seq: next.commit_seq() };
        let outcome = SuggestionOutcome::Written { receipt, changed };
        Ok(Decision::Commit((Written::Some(outcome), Some(next))))
    });
    drop(change);
    written
}

/// How many records each of so many rules changed; else the places of those that come to no end.
fn changes(connection: &Connection, rules: usize, fields: usize) -> Result<Result<Vec<u64>, Vec<usize>>, StoreError> {
    let places = |text: &str| text.split(' ').filter_map(|place| place.parse::<usize>().ok()).collect::<Vec<_>>();
    let mut changed = vec![0; rules];
    for index in 0..fields {
        let mut statement = connection.prepare(&sql::changes_of(index)).map_err(store_error)?;
        let read = |row: &eider_engine_duckdb::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        for counted in statement.query_map([], read).map_err(store_error)? {
            let (by, count) = counted.map_err(store_error)?;
            if let Some(unsettled) = by.strip_prefix(UNSETTLED) {
                return Ok(Err(places(unsettled)));
            }
            for place in places(&by) {
                changed[place] += count.unsigned_abs();
            }
        }
    }
    Ok(Ok(changed))
}

fn is_shared(connection: &Connection, schema: &Schema, fields: &[Field]) -> Result<bool, StoreError> {
    connection.query_row(&sql::is_shared(schema, fields), [], |row| row.get(0)).map_err(store_error)
}

/// Why the schema refuses what is suggested for the field at a place among those that are changed, if it does.
fn refused(
    connection: &Connection,
    index: usize,
    field: &Field,
    property: &Property,
) -> Result<Option<ViolationCode>, StoreError> {
    if property.constraints.is_empty() {
        return Ok(None);
    }
    let mut statement = connection.prepare(&sql::suggested_values(index, field)).map_err(store_error)?;
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
