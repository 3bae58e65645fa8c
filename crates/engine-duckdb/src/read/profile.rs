//! What the values of a schema are like.
//!
//! The statistics of some fields take one pass over the table. The most frequent values of a field take one pass over its column: where there
//! are few different values all of them are counted, else those that are likely, which the engine finds in bounded memory
//! and cannot count. Where there are few records, one pass counts the values of many fields.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use arrow_schema::{Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use arrow_select::concat::concat_batches;
use duckdb::{Connection, params_from_iter};
use eider_application::ports::{
    DataProfile, FieldProfile, PROFILE_COUNTED_VALUES, PROFILE_TEXT_CHARS, PROFILE_TOP, ProfileRequest, Statistic,
    StoreError, StoreErrorKind, value_at,
};
use eider_domain::{DataType, Field, Value, ValueRef};

use crate::columns::port_batch;
use crate::connection::pool::Pool;
use crate::connection::worker::{self, Decision, transaction};
use crate::error::{arrow_error, store_error};
use crate::relation::Relation;
use crate::sql::{self, Statement};

/// Fields whose statistics are made in one statement. What a statement costs grows faster than the number of its statistics.
const FIELDS_AT_ONCE: usize = 50;
/// Records up to which values are counted here, in one scan of many fields. To ask the engine for each field takes some
/// milliseconds at best, the more the wider its table is.
const RECORDS_COUNTED_HERE: u64 = 50_000;
/// Different values that are counted here at once, of all fields together; those of one field at least.
const VALUES_AT_ONCE: u64 = 100_000;

/// Looks at the values of a snapshot. Dropping the future interrupts that.
///
/// # Errors
/// `SchemaChanged` when the relation is of an older version by then; `Unavailable` with the budget `pool` or
/// `schema_change`; whatever the engine fails with.
pub async fn profile(
    pool: &Pool,
    relation: Arc<Relation>,
    request: &ProfileRequest,
) -> Result<DataProfile, StoreError> {
    let caller = Arc::new(());
    let (request, waiting) = (request.clone(), Arc::downgrade(&caller));
    worker::read(pool, move |connection| look(connection, &relation, &request, &waiting)).await
}

/// Looks as long as `caller` is there: an interrupt between two statements would be lost.
fn look(
    connection: &Connection,
    relation: &Relation,
    request: &ProfileRequest,
    caller: &Weak<()>,
) -> Result<DataProfile, StoreError> {
    transaction(connection, || {
        let statistics = statistics(connection, relation, request);
        relation.version().check()?;
        let mut profile = statistics?;
        let is_few = profile.records <= RECORDS_COUNTED_HERE;
        let is_counted = |field: &FieldProfile| counted(field.statistic(Statistic::Distinct)) <= PROFILE_COUNTED_VALUES;
        let fields = profile.fields.iter_mut().filter(|field| field.field.data_type().is_comparable());
        let (mut together, alone): (Vec<&mut FieldProfile>, Vec<_>) =
            fields.partition(|field| is_few && is_counted(field));
        while !together.is_empty() {
            let (mut values, mut taken) = (0, 0);
            for field in &together {
                values += counted(field.statistic(Statistic::Distinct));
                if taken > 0 && values > VALUES_AT_ONCE {
                    break;
                }
                taken += 1;
            }
            let rest = together.split_off(taken);
            add_tops(connection, relation, request, together, caller)?;
            together = rest;
        }
        for field in alone {
            ask_for(caller)?;
            add_top(connection, relation, request, field)?;
        }
        for field in &mut profile.fields {
            ask_for(caller)?;
            make_exact(connection, relation, request, field)?;
        }
        Ok(Decision::RollBack(profile))
    })
}

/// How many records match, and the statistics of the fields, without their most frequent values.
fn statistics(
    connection: &Connection,
    relation: &Relation,
    request: &ProfileRequest,
) -> Result<DataProfile, StoreError> {
    let mut profile = DataProfile { records: 0, fields: Vec::new() };
    // Without fields, the records are counted all the same.
    for fields in request.fields.chunks(FIELDS_AT_ONCE).chain(request.fields.is_empty().then_some(&[][..])) {
        let types = fields.iter().map(Field::data_type);
        let types = types.flat_map(|of| Statistic::of(of).into_iter().map(move |statistic| statistic.data_type(of)));
        let types: Vec<DataType> = [DataType::Integer].into_iter().chain(types).collect();
        let row = read(connection, &sql::statistics(relation, &request.filter, fields), &types)?;
        let mut values = types.iter().zip(row.columns()).map(|(data_type, column)| value_at(*data_type, column, 0));
        profile.records = values.next().map_or(0, |count| counted(&count));
        profile.fields.extend(fields.iter().map(|field| FieldProfile {
            field: field.clone(),
            statistics: within_limits(
                field.data_type(),
                Statistic::of(field.data_type()).into_iter().zip(values.by_ref()).map(finite).collect(),
            ),
            top: Vec::new(),
        }));
    }
    Ok(profile)
}

/// Makes a mean exactly that one pass does not tell.
fn make_exact(
    connection: &Connection,
    relation: &Relation,
    request: &ProfileRequest,
    profile: &mut FieldProfile,
) -> Result<(), StoreError> {
    let is_unsure = |value: &Value| matches!(value, Value::Number(number) if number.is_nan());
    for (statistic, value) in
        profile.statistics.iter_mut().filter(|(statistic, _)| matches!(statistic, Statistic::Mean))
    {
        if is_unsure(value) {
            let statement = sql::exact_mean(relation, &request.filter, &profile.field);
            let row = read(connection, &statement, &[statistic.data_type(profile.field.data_type())])?;
            *value = value_at(DataType::Number, row.column(0), 0);
        }
    }
    Ok(())
}

/// The same statistics with each quantile between the least and the greatest value: where all are below zero the engine takes the smallest
/// positive double for the greatest.
fn within_limits(data_type: DataType, mut statistics: Vec<(Statistic, Value)>) -> Vec<(Statistic, Value)> {
    let least =
        statistics.iter().find(|(statistic, _)| matches!(statistic, Statistic::Min)).map(|(_, value)| value.clone());
    let greatest =
        statistics.iter().find(|(statistic, _)| matches!(statistic, Statistic::Max)).map(|(_, value)| value.clone());
    for (statistic, value) in statistics.iter_mut().filter(|(statistic, _)| matches!(statistic, Statistic::Quantile(_)))
    {
        let of = statistic.data_type(data_type);
        for (limit, beyond) in [(&least, Ordering::Less), (&greatest, Ordering::Greater)] {
            let text = limit.as_ref().and_then(|limit| limit.text(data_type));
            let limit = text.and_then(|text| ValueRef::parse(of, &text).ok().map(ValueRef::into_owned));
            if let Some(limit) = limit.filter(|limit| value.compare(limit) == Some(beyond)) {
                *value = limit;
            }
        }
    }
    statistics
}

/// Adds the most frequent values of a field whose statistics are known. Where all of its values are counted for them, it is known
/// how many different ones there are, which was only estimated.
fn add_top(
    connection: &Connection,
    relation: &Relation,
    request: &ProfileRequest,
    profile: &mut FieldProfile,
) -> Result<(), StoreError> {
    let data_type = profile.field.data_type();
    let is_counted = counted(profile.statistic(Statistic::Distinct)) <= PROFILE_COUNTED_VALUES;
    let statement = sql::top(relation, &request.filter, &profile.field, is_counted);
    let rows = read(connection, &statement, &[data_type, DataType::Integer, DataType::Integer, DataType::Integer])?;
    let number = |column: usize, row| counted(&value_at(DataType::Integer, rows.column(column), row));
    profile.top = (0..rows.num_rows()).map(|row| (value_at(data_type, rows.column(0), row), number(1, row))).collect();
    if is_counted && rows.num_rows() > 0 {
        note_distinct(profile, number(2, 0), number(3, 0));
    }
    Ok(())
}

/// Adds the most frequent values of fields that have few different ones: all of them are counted here, in one scan.
fn add_tops(
    connection: &Connection,
    relation: &Relation,
    request: &ProfileRequest,
    profiles: Vec<&mut FieldProfile>,
    caller: &Weak<()>,
) -> Result<(), StoreError> {
    let fields: Vec<&Field> = profiles.iter().map(|profile| &profile.field).collect();
    let types: Vec<DataType> = fields.iter().map(|field| field.data_type()).collect();
    let statement = sql::values_of(relation, &request.filter, &fields);
    let columns = columns_of(&types);
    let mut counts: Vec<HashMap<String, u64>> = types.iter().map(|_| HashMap::new()).collect();
    let mut prepared = connection.prepare(&statement.sql).map_err(store_error)?;
    for batch in prepared.stream_arrow(params_from_iter(statement.values.iter())).map_err(store_error)? {
        ask_for(caller)?;
        let batch = port_batch(&batch.map_err(store_error)?, &columns)?;
        for ((data_type, column), counts) in types.iter().zip(batch.columns()).zip(&mut counts) {
            for row in 0..batch.num_rows() {
                let Some(text) = shown(value_at(*data_type, column, row), *data_type) else { continue };
                *counts.entry(text).or_default() += 1;
            }
        }
    }
    for ((profile, data_type), counts) in profiles.into_iter().zip(types).zip(counts) {
        if !counts.is_empty() {
            note_distinct(profile, counts.len() as u64, counts.values().sum());
        }
        let value = |text: &str| ValueRef::parse(data_type, text).ok().map(ValueRef::into_owned);
        let mut top: Vec<(Value, u64)> =
            counts.iter().filter_map(|(text, count)| Some((value(text)?, *count))).collect();
        top.sort_by(|(one, count), (other, than)| {
            than.cmp(count).then_with(|| one.compare(other).unwrap_or(Ordering::Equal))
        });
        top.truncate(PROFILE_TOP);
        profile.top = top;
    }
    Ok(())
}

/// The text of a value that may be shown.
fn shown(value: Value, data_type: DataType) -> Option<String> {
    match value {
        Value::Text(text) if text.chars().nth(PROFILE_TEXT_CHARS).is_some() => None,
        Value::Text(text) => Some(text.into_owned()),
        // There is one zero.
        Value::Number(number) => Value::Number(number + 0.0).text(data_type),
        other => other.text(data_type),
    }
}

/// Takes note of how many different values there are, where as many values were counted as there are.
fn note_distinct(profile: &mut FieldProfile, distinct: u64, counted_values: u64) {
    if counted_values != counted(profile.statistic(Statistic::Count)) {
        return;
    }
    if let Some((_, value)) =
        profile.statistics.iter_mut().find(|(statistic, _)| matches!(statistic, Statistic::Distinct))
    {
        *value = Value::Integer(i64::try_from(distinct).unwrap_or(i64::MAX));
    }
}

fn ask_for(caller: &Weak<()>) -> Result<(), StoreError> {
    if caller.strong_count() == 0 {
        return Err(StoreError::new(StoreErrorKind::Cancelled, "nobody waits for the profile"));
    }
    Ok(())
}

fn columns_of(types: &[DataType]) -> SchemaRef {
    let fields = types.iter().enumerate().map(|(index, data_type)| data_type.arrow_field(&index.to_string(), true));
    Arc::new(ArrowSchema::new(fields.collect::<Vec<ArrowField>>()))
}

/// What a statement yields whose columns are of these types. It is forgotten afterwards: nobody is likely to ask it again.
fn read(connection: &Connection, statement: &Statement, types: &[DataType]) -> Result<RecordBatch, StoreError> {
    let columns = columns_of(types);
    let mut prepared = connection.prepare(&statement.sql).map_err(store_error)?;
    let batches = prepared.stream_arrow(params_from_iter(statement.values.iter())).map_err(store_error)?;
    let batches = batches.map(|batch| port_batch(&batch.map_err(store_error)?, &columns));
    concat_batches(&columns, &batches.collect::<Result<Vec<_>, _>>()?).map_err(arrow_error)
}

fn counted(value: &Value) -> u64 {
    let Value::Integer(count) = value else { return 0 };
    count.unsigned_abs()
}

/// Statistics that are beyond a double are null. A mean that is not a number is not known yet.
fn finite((statistic, value): (Statistic, Value)) -> (Statistic, Value) {
    match value {
        Value::Number(number) if !number.is_finite() && !matches!(statistic, Statistic::Mean) => {
            (statistic, Value::Null)
        }
        other => (statistic, other),
    }
}
