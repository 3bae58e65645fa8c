//! Columns of a schema that grow record by record.

use eider_domain::{Schema, ValueRef};
use uuid::Uuid;

use crate::column::ColumnBuilder;
use crate::reader::CheckedRows;

/// Collects valid records into columns.
#[derive(Debug)]
pub struct RecordBuilder {
    /// The ids that clients gave.
    ids: Vec<Option<Uuid>>,
    columns: Vec<ColumnBuilder>,
    bytes: usize,
}

impl RecordBuilder {
    /// Of records of a schema.
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.properties().iter().map(|property| ColumnBuilder::new(property.data_type)).collect();
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
            columns: self.columns.iter_mut().map(ColumnBuilder::finish).collect(),
            bytes: std::mem::take(&mut self.bytes),
        }
    }
}
