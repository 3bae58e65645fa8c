//! The rows of a batch, brought to the columns of the schema and checked.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, RecordBatch, make_array, new_null_array};
use arrow_cast::cast;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType as ArrowType, Field};
use arrow_select::filter::FilterBuilder;
use eider_domain::{DataType, Family, Incoming, Property, RecordCheck, RecordValidator, Schema, Slot, ValueRef};
use uuid::Uuid;

use super::accepted::{holds_only_values, is_of_type, widened};
use super::nested::{JsonText, NoText, writer};
use super::plain::plain;
use super::plan::ColumnPlan;
use super::report::BatchReport;
use super::scalar::bytes_of;
use super::shape::{Extension, carried, is_text};
use super::value::{self, ValueSink};
use crate::column::ColumnBuilder;
use crate::reader::rows::too_large;
use crate::reader::{CheckedRows, ReadError, ReadLimits};

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
    limits: &ReadLimits,
    room: usize,
) -> Result<Converted, ReadError> {
    let rows = batch.num_rows();
    let mut check = RecordValidator::new(schema).with_json_depth(limits.max_json_depth).check();
    let mut nested = NestedRows { plan, most: limits.max_record_bytes, written: Vec::new() };
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
            Some(column) => {
                let (field, column) = (batch.schema_ref().field(*column), batch.column(*column));
                present(property, field, column, &mut sink, &mut nested)?
            }
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
    let plain = plain(column)?;
    let column = plain.as_ref().unwrap_or(column);
    let mut id = |row: usize, token: Incoming<'_>| match check.value(Slot::Id, token) {
        Some(ValueRef::Uuid(id)) => Some(id),
        Some(_) => None,
        None => {
            report.refuse(row, check.abandon());
            None
        }
    };
    let ids = if let Some(bytes) = bytes_of(column) {
        // Bytes that are no UUID are refused as the text that they cannot be.
        let mut of_bytes = |row: usize| match Uuid::from_slice(bytes(row)) {
            Ok(uuid) => Some(uuid),
            Err(_) => id(row, Incoming::Text(Cow::Borrowed(""))),
        };
        (0..column.len()).map(|row| if column.is_valid(row) { of_bytes(row) } else { None }).collect()
    } else if is_text(column.data_type()) {
        let text = as_text(column)?;
        let texts = text.as_string::<i32>().iter().enumerate();
        let of_text = |(row, text): (usize, Option<&str>)| {
            id(row, text.map_or(Incoming::Null, |text| Incoming::Text(Cow::Borrowed(text))))
        };
        texts.map(of_text).collect()
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
fn present(
    property: &Property,
    field: &Field,
    column: &ArrayRef,
    sink: &mut ValueSink<'_, '_, '_>,
    nested: &mut NestedRows<'_>,
) -> Result<ArrayRef, ReadError> {
    let data_type = property.data_type;
    let (_, extension) = carried(field.data_type(), Extension::of(field));
    let mut owned = plain(column)?;
    if let Some(widened) = widened(data_type, owned.as_ref().unwrap_or(column), extension)? {
        owned = Some(widened);
    }
    let column = owned.as_ref().unwrap_or(column);
    if is_of_type(data_type, column.data_type()) && is_free(property, column) && holds_only_values(data_type, column) {
        let owned = match owned {
            Some(owned) => owned,
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
    } else if column.data_type().is_nested() {
        nested.read(data_type, column, extension, sink)?;
    } else {
        value::read(property, column, sink)?;
    }
    Ok(sink.column.finish())
}

/// What the nested values of the rows of a batch have been written out to.
struct NestedRows<'p> {
    plan: &'p ColumnPlan,
    /// Most bytes of a record.
    most: usize,
    /// Bytes of each row so far; empty before the first nested column.
    written: Vec<usize>,
}

impl NestedRows<'_> {
    /// Takes lists, structs and maps as the JSON that they are.
    fn read(
        &mut self,
        data_type: DataType,
        column: &ArrayRef,
        extension: Extension,
        sink: &mut ValueSink<'_, '_, '_>,
    ) -> Result<(), ReadError> {
        self.written.resize(column.len(), 0);
        let entries = match column.as_map_opt() {
            Some(maps) if data_type == DataType::Array => {
                let ArrowType::Map(entry, _) = column.data_type() else { return Ok(()) };
                let entries = Arc::new(maps.entries().clone());
                Some(ListArray::try_new(Arc::clone(entry), maps.offsets().clone(), entries, maps.nulls().cloned())?)
            }
            _ => None,
        };
        let write = match &entries {
            Some(entries) => writer(entries, extension),
            None => writer(column, extension),
        };
        let mut out = JsonText { text: Vec::new(), room: 0 };
        for (row, written) in self.written.iter_mut().enumerate() {
            if column.is_null(row) {
                sink.typed(row, Ok(ValueRef::Null));
                continue;
            }
            out.text.clear();
            out.room = self.most.saturating_sub(*written);
            match write(row, &mut out) {
                Ok(()) => {
                    *written += out.text.len();
                    // What was written is text and names that were UTF-8.
                    sink.nested(row, std::str::from_utf8(&out.text).unwrap_or("null"));
                }
                Err(NoText::Fault(fault)) => sink.fault(row, fault),
                Err(NoText::TooLong) => {
                    if !self.plan.waste(out.text.len()) {
                        let detail = "too many records of the body are larger than a record may be";
                        return Err(ReadError::malformed(detail));
                    }
                    sink.refuse(row, vec![too_large(self.most)]);
                }
            }
        }
        Ok(())
    }
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
