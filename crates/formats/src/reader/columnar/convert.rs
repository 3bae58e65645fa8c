//! The rows of a batch, brought to the columns of the schema and checked.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, make_array, new_null_array};
use arrow_cast::cast;
use arrow_data::transform::MutableArrayData;
use arrow_schema::DataType as ArrowType;
use arrow_select::filter::FilterBuilder;
use eider_domain::{DataType, Family, Incoming, Property, RecordCheck, RecordValidator, Schema, Slot, ValueRef};
use uuid::Uuid;

use super::plan::ColumnPlan;
use super::report::BatchReport;
use super::value::{self, ValueSink, holds_only_values, is_of_type, is_text, widened};
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
    if is_of_type(data_type, column.data_type()) && is_free(property, column) && holds_only_values(data_type, column) {
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
                (Some(text), DataType::String) if property.dialect.is_none() => {
                    sink.typed(row, Ok(ValueRef::Text(Cow::Borrowed(text))));
                }
                (Some(text), _) => sink.text(row, data_type, text),
            }
        }
    } else {
        value::read(property, column, sink)?;
    }
    Ok(sink.column.finish())
}

/// Whether nothing is asked of the values of a column beyond their type.
fn is_free(property: &Property, column: &ArrayRef) -> bool {
    property.constraints.is_empty() && property.dialect.is_none() && !(property.is_required && column.null_count() > 0)
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
        if data_type.family() == Family::Nested {
            self.json(row, text);
        } else {
            self.token(row, Incoming::Text(Cow::Borrowed(text)));
        }
    }
}
