//! The rows of a batch, brought to the columns of the schema and checked.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Time64MicrosecondType, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, make_array, new_null_array};
use arrow_cast::cast;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use arrow_select::filter::FilterBuilder;
use eider_domain::{DataType, Incoming, Property, RecordCheck, RecordValidator, Schema, Slot, ValueRef, temporal};
use uuid::Uuid;

use super::plan::{ColumnPlan, is_text};
use super::report::BatchReport;
use super::value::{self, ValueSink};
use crate::column::ColumnBuilder;
use crate::reader::{CheckedRows, ReadError};

/// What the rows came to.
#[derive(Debug)]
pub(super) struct Converted {
    /// The rows that passed.
    pub(super) rows: CheckedRows,
    pub(super) report: BatchReport,
}

/// Checks the rows of a batch and brings those that pass to the columns of the schema; names at most `room` violations.
pub(super) fn convert(
    batch: &RecordBatch,
    plan: &ColumnPlan,
    schema: &Schema,
    json_depth: usize,
    room: usize,
) -> Result<Converted, ReadError> {
    let rows = batch.num_rows();
    let mut check = RecordValidator::new(schema).with_json_depth(json_depth).check();
    let mut report = BatchReport::new(rows, room);
    let mut ids = match plan.id() {
        Some(column) => read_ids(batch.column(column), &mut check, &mut report)?,
        None => vec![None; rows],
    };
    let mut columns = Vec::with_capacity(plan.properties().len());
    for (index, (property, column)) in schema.properties().iter().zip(plan.properties()).enumerate() {
        let mut sink =
            ValueSink { check: &mut check, report: &mut report, index, column: ColumnBuilder::new(property.data_type) };
        columns.push(match column {
            None => missing(property, rows, &mut sink),
            Some(column) => present(property, batch.column(*column), &mut sink)?,
        });
        report.end_column();
    }
    if report.is_bad().contains(&true) {
        let is_good: BooleanArray = report.is_bad().iter().map(|is_bad| Some(!is_bad)).collect();
        let filter = FilterBuilder::new(&is_good).optimize().build();
        for column in &mut columns {
            *column = filter.filter(column)?;
        }
        let mut is_bad = report.is_bad().iter();
        ids.retain(|_| is_bad.next() == Some(&false));
    }
    let bytes = columns.iter().map(Array::get_array_memory_size).sum();
    Ok(Converted { rows: CheckedRows { ids, columns, bytes }, report })
}

fn read_ids(
    column: &ArrayRef,
    check: &mut RecordCheck<'_>,
    report: &mut BatchReport,
) -> Result<Vec<Option<Uuid>>, ReadError> {
    let ids = if let Some(binary) = column.as_fixed_size_binary_opt() {
        binary.iter().map(|bytes| bytes.and_then(|bytes| Uuid::from_slice(bytes).ok())).collect()
    } else if is_text(column.data_type()) {
        let text = as_text(column)?;
        let mut ids = Vec::with_capacity(text.len());
        for (row, text) in text.as_string::<i32>().iter().enumerate() {
            let token = text.map_or(Incoming::Null, |text| Incoming::Text(Cow::Borrowed(text)));
            ids.push(match check.value(Slot::Id, token) {
                Some(ValueRef::Uuid(id)) => Some(id),
                Some(_) => None,
                None => {
                    report.refuse(row, check.abandon());
                    None
                }
            });
        }
        ids
    } else {
        vec![None; column.len()]
    };
    report.end_column();
    Ok(ids)
}

/// The column of a property that the body does not have.
fn missing(property: &Property, rows: usize, sink: &mut ValueSink<'_, '_, '_>) -> ArrayRef {
    match RecordCheck::missing_value(property) {
        ValueRef::Null if !property.is_required => new_null_array(&property.data_type.arrow_type(), rows),
        value => {
            // A default was checked when the schema was made.
            for row in 0..rows {
                if value == ValueRef::Null {
                    sink.typed(row, Ok(ValueRef::Null));
                } else {
                    sink.column.append(value.borrowed());
                }
            }
            sink.column.finish()
        }
    }
}

/// The column of a property, from a column of one of the types that the property takes.
fn present(property: &Property, column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) -> Result<ArrayRef, ReadError> {
    let data_type = property.data_type;
    let widened = widened(data_type, column)?;
    let column = widened.as_ref().unwrap_or(column);
    if is_of_type(data_type, column.data_type()) && is_free(property, column) {
        let owned = match widened {
            Some(widened) => widened,
            None => copied(column)?,
        };
        // A zone changes how an instant is shown, never which one it is.
        return Ok(match owned.as_primitive_opt::<TimestampMicrosecondType>() {
            Some(instants) => Arc::new(instants.clone().with_timezone("UTC")),
            None => owned,
        });
    }
    if is_text(column.data_type()) {
        let text = as_text(column)?;
        for (row, text) in text.as_string::<i32>().iter().enumerate() {
            match (text, data_type) {
                (None, _) => sink.typed(row, Ok(ValueRef::Null)),
                (Some(text), DataType::String) => sink.typed(row, Ok(ValueRef::Text(Cow::Borrowed(text)))),
                (Some(text), _) => sink.text(row, data_type, text),
            }
        }
    } else {
        value::read(data_type, column, sink);
    }
    Ok(sink.column.finish())
}

/// The column in the Arrow type of its property, where every value survives that: no look at the values is needed.
fn widened(data_type: DataType, column: &ArrayRef) -> Result<Option<ArrayRef>, ReadError> {
    let found = column.data_type();
    let target = data_type.arrow_type();
    let is_total = match data_type {
        DataType::String => is_text(found),
        DataType::Integer => found.is_integer() && *found != ArrowType::UInt64,
        DataType::Number => found.is_integer() || found.is_floating(),
        _ => false,
    };
    if is_total && *found != target { Ok(Some(cast(column, &target)?)) } else { Ok(None) }
}

/// Whether an Arrow type is that of the property, but for the name of a zone.
fn is_of_type(data_type: DataType, found: &ArrowType) -> bool {
    match data_type {
        DataType::Datetime => matches!(found, ArrowType::Timestamp(TimeUnit::Microsecond, _)),
        _ => *found == data_type.arrow_type(),
    }
}

/// Whether every value of a column of the property's own Arrow type can be taken as it is. Looks at values at most to
/// compare them with the bounds of the type.
fn is_free(property: &Property, column: &ArrayRef) -> bool {
    if !property.constraints.is_empty() || (property.is_required && column.null_count() > 0) {
        return false;
    }
    match property.data_type {
        DataType::String | DataType::Integer | DataType::Boolean | DataType::Uuid => true,
        DataType::Number => column.as_primitive::<Float64Type>().values().iter().all(|value| value.is_finite()),
        DataType::Decimal { precision, .. } => {
            column.as_primitive::<Decimal128Type>().values().iter().all(|v| value::has_digits(*v, precision))
        }
        DataType::Date => {
            column.as_primitive::<Date32Type>().values().iter().all(|days| temporal::is_date_in_range(*days))
        }
        DataType::Time => {
            let times = column.as_primitive::<Time64MicrosecondType>();
            times.values().iter().all(|micros| temporal::is_time_in_range(*micros))
        }
        DataType::Datetime => {
            let instants = column.as_primitive::<TimestampMicrosecondType>();
            instants.values().iter().all(|micros| temporal::is_in_range(*micros))
        }
        DataType::Object | DataType::Array => false,
    }
}

fn as_text(column: &ArrayRef) -> Result<ArrayRef, ReadError> {
    Ok(cast(column, &ArrowType::Utf8)?)
}

/// The rows of a column in memory of their own: all columns of a message share one allocation, which the store would
/// otherwise hold, and count, for each of them.
fn copied(column: &ArrayRef) -> Result<ArrayRef, ReadError> {
    let data = column.to_data();
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    copy.try_extend(0, 0, data.len())?;
    Ok(make_array(copy.freeze()))
}

impl ValueSink<'_, '_, '_> {
    /// Takes text for a property that is not a string.
    fn text(&mut self, row: usize, data_type: DataType, text: &str) {
        match data_type {
            DataType::Object | DataType::Array => self.json(row, text),
            _ => self.token(row, Incoming::Text(Cow::Borrowed(text))),
        }
    }
}
