//! What the values of a schema are like.
//!
//! The figures take one pass over the table. The most frequent values of fields that have few different ones take another,
//! which counts all of them, for as many fields as have a bounded number of values together. Each other field takes a pass of
//! its own over the values that are likely, which the engine finds in bounded memory and cannot count.

use std::cmp::Ordering;
use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::{Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use arrow_select::concat::concat_batches;
use duckdb::{Connection, params_from_iter};
use eider_application::{
    DataProfile, FieldProfile, Figure, PROFILE_COUNTED_VALUES, PROFILE_TOP, ProfileRequest, StoreError, StoreErrorKind,
    value_at,
};
use eider_domain::{DataType, Field, Schema, Value, ValueRef};

use crate::error::{arrow_error, internal, store_error};
use crate::evolution::TableVersion;
use crate::scan::port_batch;
use crate::sql::{self, Statement};
use crate::worker::{Decision, transaction};

/// Different values that are counted in one scan, of all of its fields together; those of one field at least.
const VALUES_AT_ONCE: u64 = 100_000;

/// Looks at the values of a snapshot, as long as `caller` is there: an interrupt between two statements would be lost.
pub(crate) fn profile(
    connection: &Connection,
    (schema, version): (&Schema, &TableVersion),
    request: &ProfileRequest,
    caller: &Weak<()>,
) -> Result<DataProfile, StoreError> {
    transaction(connection, || {
        let figures = figures(connection, schema, request);
        version.check()?;
        let mut profile = figures?;
        let is_counted = |field: &FieldProfile| counted(field.figure(Figure::Distinct)) <= PROFILE_COUNTED_VALUES;
        let fields = profile.fields.iter_mut().filter(|field| field.field.data_type().is_comparable());
        let (mut counting, likely): (Vec<&mut FieldProfile>, Vec<_>) = fields.partition(|field| is_counted(field));
        while !counting.is_empty() {
            ask_for(caller)?;
            let (mut values, mut together) = (0, 0);
            for field in &counting {
                values += counted(field.figure(Figure::Distinct)).max(1);
                if together > 0 && values > VALUES_AT_ONCE {
                    break;
                }
                together += 1;
            }
            let rest = counting.split_off(together);
            count_all(connection, schema, request, counting)?;
            counting = rest;
        }
        for field in likely {
            ask_for(caller)?;
            count_likely(connection, schema, request, field)?;
        }
        for field in &mut profile.fields {
            ask_for(caller)?;
            make_exact(connection, schema, request, field)?;
        }
        Ok(Decision::RollBack(profile))
    })
}

/// How many records match, and the figures of the fields, without their most frequent values.
fn figures(connection: &Connection, schema: &Schema, request: &ProfileRequest) -> Result<DataProfile, StoreError> {
    let ProfileRequest { filter, fields } = request;
    let types = fields.iter().map(Field::data_type);
    let types = types.flat_map(|of| Figure::of(of).into_iter().map(move |figure| figure.data_type(of)));
    let types: Vec<DataType> = [DataType::Integer].into_iter().chain(types).collect();
    let row = read(connection, &sql::figures(schema, filter, fields), &types)?;
    let mut values = types.iter().zip(row.columns()).map(|(data_type, column)| value_at(*data_type, column, 0));
    let records = values.next().map_or(0, |count| counted(&count));
    let profile = |field: &Field| FieldProfile {
        field: field.clone(),
        figures: within_limits(
            field.data_type(),
            Figure::of(field.data_type()).into_iter().zip(values.by_ref()).map(finite).collect(),
        ),
        top: Vec::new(),
    };
    Ok(DataProfile { records, fields: fields.iter().map(profile).collect() })
}

/// Makes a mean exactly that one pass does not tell.
fn make_exact(
    connection: &Connection,
    schema: &Schema,
    request: &ProfileRequest,
    profile: &mut FieldProfile,
) -> Result<(), StoreError> {
    let is_unsure = |value: &Value| matches!(value, Value::Number(number) if number.is_nan());
    for (figure, value) in profile.figures.iter_mut().filter(|(figure, _)| matches!(figure, Figure::Mean)) {
        if is_unsure(value) {
            let statement = sql::exact_mean(schema, &request.filter, &profile.field);
            let row = read(connection, &statement, &[figure.data_type(profile.field.data_type())])?;
            *value = value_at(DataType::Number, row.column(0), 0);
        }
    }
    Ok(())
}

/// The same figures with each quantile between the least and the greatest value: where all are below zero the engine takes the smallest
/// positive double for the greatest.
fn within_limits(data_type: DataType, mut figures: Vec<(Figure, Value)>) -> Vec<(Figure, Value)> {
    let least = figures.iter().find(|(figure, _)| matches!(figure, Figure::Min)).map(|(_, value)| value.clone());
    let greatest = figures.iter().find(|(figure, _)| matches!(figure, Figure::Max)).map(|(_, value)| value.clone());
    for (figure, value) in figures.iter_mut().filter(|(figure, _)| matches!(figure, Figure::Quantile(_))) {
        let of = figure.data_type(data_type);
        for (limit, beyond) in [(&least, Ordering::Less), (&greatest, Ordering::Greater)] {
            let text = limit.as_ref().and_then(|limit| limit.text(data_type));
            let limit = text.and_then(|text| ValueRef::parse(of, &text).ok().map(ValueRef::into_owned));
            if let Some(limit) = limit.filter(|limit| value.compare(limit) == Some(beyond)) {
                *value = limit;
            }
        }
    }
    figures
}

fn ask_for(caller: &Weak<()>) -> Result<(), StoreError> {
    if caller.strong_count() == 0 {
        return Err(StoreError::new(StoreErrorKind::Cancelled, "nobody waits for the profile"));
    }
    Ok(())
}

/// Adds the most frequent values of fields that have few different ones, all of which are counted in one scan. Where that
/// counts all that there are, it is known how many different ones, which was only estimated.
fn count_all(
    connection: &Connection,
    schema: &Schema,
    request: &ProfileRequest,
    profiles: Vec<&mut FieldProfile>,
) -> Result<(), StoreError> {
    let fields: Vec<&Field> = profiles.iter().map(|profile| &profile.field).collect();
    let statement = sql::histograms(schema, &request.filter, &fields);
    let mut prepared = connection.prepare(&statement.sql).map_err(store_error)?;
    let mut batches = prepared.stream_arrow(params_from_iter(statement.values.iter())).map_err(store_error)?;
    let row = batches.next().transpose().map_err(store_error)?.filter(|row| row.num_rows() == 1);
    let row = row.ok_or_else(|| internal("a histogram has no row"))?;
    for (profile, histogram) in profiles.into_iter().zip(row.columns()) {
        let data_type = profile.field.data_type();
        let entries =
            histogram.as_map_opt().map(|map| map.value(0)).ok_or_else(|| internal("a histogram is no map"))?;
        let columns = columns_of(&[data_type, DataType::Integer]);
        let plain = entries.fields().iter().map(|field| ArrowField::new(field.name(), field.data_type().clone(), true));
        let plain = Arc::new(ArrowSchema::new(plain.collect::<Vec<_>>()));
        let values = RecordBatch::try_new(plain, entries.columns().to_vec()).map_err(arrow_error)?;
        let values = port_batch(&values, &columns)?;
        let count = |row| counted(&value_at(DataType::Integer, values.column(1), row));
        let mut top: Vec<(Value, u64)> =
            (0..values.num_rows()).map(|row| (value_at(data_type, values.column(0), row), count(row))).collect();
        if !top.is_empty() && top.iter().map(|(_, count)| count).sum::<u64>() == counted(profile.figure(Figure::Count))
        {
            let distinct = Value::Integer(i64::try_from(top.len()).unwrap_or(i64::MAX));
            if let Some((_, value)) = profile.figures.iter_mut().find(|(figure, _)| matches!(figure, Figure::Distinct))
            {
                *value = distinct;
            }
        }
        let order = |one: &(Value, u64), other: &(Value, u64)| {
            other.1.cmp(&one.1).then_with(|| one.0.compare(&other.0).unwrap_or(Ordering::Equal))
        };
        top.sort_by(order);
        top.truncate(PROFILE_TOP);
        profile.top = top;
    }
    Ok(())
}

/// Adds the most frequent values of a field that has many different ones, as far as they are likely to be.
fn count_likely(
    connection: &Connection,
    schema: &Schema,
    request: &ProfileRequest,
    profile: &mut FieldProfile,
) -> Result<(), StoreError> {
    let data_type = profile.field.data_type();
    let rows = read(connection, &sql::top(schema, &request.filter, &profile.field), &[data_type, DataType::Integer])?;
    let count = |row| counted(&value_at(DataType::Integer, rows.column(1), row));
    profile.top = (0..rows.num_rows()).map(|row| (value_at(data_type, rows.column(0), row), count(row))).collect();
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
    match value {
        Value::Integer(count) => count.unsigned_abs(),
        _ => 0,
    }
}

/// Figures that are beyond a double are null. A mean that is not a number is not known yet.
fn finite((figure, value): (Figure, Value)) -> (Figure, Value) {
    match value {
        Value::Number(number) if !number.is_finite() && !matches!(figure, Figure::Mean) => (figure, Value::Null),
        other => (figure, other),
    }
}
