//! Typed columns that grow record by record.

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, FixedSizeBinaryBuilder, Float64Builder,
    Int64Builder, StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use eider_domain::{DataType, Schema, ValueRef};
use uuid::Uuid;

use crate::reader::CheckedRows;

/// Collects valid records into columns.
#[derive(Debug)]
pub struct RecordBuilder {
    /// The ids that clients gave.
    ids: Vec<Option<Uuid>>,
    columns: Vec<Column>,
    bytes: usize,
}

impl RecordBuilder {
    /// Of records of a schema.
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.properties().iter().map(|property| Column::new(property.data_type)).collect();
        Self { ids: Vec::new(), columns, bytes: 0 }
    }

    /// Appends a record: its id, if the client gave one, and one value per property, of the property's type.
    pub fn append(&mut self, id: Option<Uuid>, values: &mut Vec<ValueRef<'_>>) {
        self.ids.push(id);
        for (column, value) in self.columns.iter_mut().zip(values.drain(..)) {
            self.bytes += column.append(value);
        }
    }

    /// Records held.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Roughly the bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hands out what was collected and begins anew.
    pub fn finish(&mut self) -> CheckedRows {
        CheckedRows {
            ids: std::mem::take(&mut self.ids),
            columns: self.columns.iter_mut().map(Column::finish).collect(),
            bytes: std::mem::take(&mut self.bytes),
        }
    }
}

/// A column of one property that grows value by value.
#[derive(Debug)]
pub(crate) enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Decimal(Decimal128Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Datetime(TimestampMicrosecondBuilder),
    Uuid(FixedSizeBinaryBuilder),
}

impl Column {
    pub(crate) fn new(data_type: DataType) -> Self {
        // Builders grow as they are filled; with the default capacity a single record would cost 8 KiB a column.
        match data_type {
            DataType::String | DataType::Object | DataType::Array => Self::Text(StringBuilder::with_capacity(0, 0)),
            DataType::Integer => Self::Integer(Int64Builder::with_capacity(0)),
            DataType::Number => Self::Number(Float64Builder::with_capacity(0)),
            DataType::Decimal { .. } => {
                Self::Decimal(Decimal128Builder::with_capacity(0).with_data_type(data_type.arrow_type()))
            }
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(0)),
            DataType::Date => Self::Date(Date32Builder::with_capacity(0)),
            DataType::Time => Self::Time(Time64MicrosecondBuilder::with_capacity(0)),
            DataType::Datetime => {
                Self::Datetime(TimestampMicrosecondBuilder::with_capacity(0).with_data_type(data_type.arrow_type()))
            }
            DataType::Uuid => Self::Uuid(FixedSizeBinaryBuilder::new(16)),
        }
    }

    /// Appends a value and returns roughly how many bytes it takes. A value of another type, which the
    /// validation before this has excluded, becomes null.
    pub(crate) fn append(&mut self, value: ValueRef<'_>) -> usize {
        match (self, value) {
            (Self::Text(column), ValueRef::Text(text) | ValueRef::Json(text)) => {
                column.append_value(&text);
                return text.len() + 4;
            }
            (Self::Integer(column), ValueRef::Integer(value)) => column.append_value(value),
            (Self::Number(column), ValueRef::Number(value)) => column.append_value(value),
            (Self::Decimal(column), ValueRef::Decimal(value)) => column.append_value(value),
            (Self::Boolean(column), ValueRef::Boolean(value)) => column.append_value(value),
            (Self::Date(column), ValueRef::Date(value)) => column.append_value(value),
            (Self::Time(column), ValueRef::Time(value)) => column.append_value(value),
            (Self::Datetime(column), ValueRef::Datetime(value)) => column.append_value(value),
            (Self::Uuid(column), ValueRef::Uuid(value)) => {
                // The width is the builder's own, so this cannot fail.
                let _ = column.append_value(value.as_bytes());
            }
            (column, _) => column.append_null(),
        }
        8
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(column) => column.append_null(),
            Self::Integer(column) => column.append_null(),
            Self::Number(column) => column.append_null(),
            Self::Decimal(column) => column.append_null(),
            Self::Boolean(column) => column.append_null(),
            Self::Date(column) => column.append_null(),
            Self::Time(column) => column.append_null(),
            Self::Datetime(column) => column.append_null(),
            Self::Uuid(column) => column.append_null(),
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match self {
            Self::Text(column) => column,
            Self::Integer(column) => column,
            Self::Number(column) => column,
            Self::Decimal(column) => column,
            Self::Boolean(column) => column,
            Self::Date(column) => column,
            Self::Time(column) => column,
            Self::Datetime(column) => column,
            Self::Uuid(column) => column,
        };
        builder.finish()
    }
}
