//! The columns of a scan.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use eider_application::ports::{POSITION_SEQUENCE, ScanRequest, position_key};
use eider_domain::{DataType, Field, Schema, SortKey, Value};

use super::FoundRecord;
use crate::column::column_of;

/// The columns that a scan was asked for.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) schema: SchemaRef,
    fields: Vec<Field>,
    /// The sort keys, when the positions are wanted too.
    keys: Option<Vec<SortKey>>,
}

impl Shape {
    pub(crate) fn new(schema: &Schema, request: &ScanRequest) -> Self {
        let mut columns = request.query.projection.arrow(schema).fields().to_vec();
        let keys = request.with_positions.then(|| request.query.sort.clone());
        if let Some(keys) = &keys {
            let keys = keys.iter().enumerate();
            columns.extend(
                keys.map(|(index, key)| Arc::new(key.field.data_type().arrow_field(&position_key(index), true))),
            );
            columns.push(Arc::new(DataType::Integer.arrow_field(POSITION_SEQUENCE, false)));
        }
        let fields = request.query.projection.fields().to_vec();
        Self { schema: Arc::new(ArrowSchema::new(columns)), fields, keys }
    }

    pub(crate) fn batch(&self, found: &[FoundRecord]) -> RecordBatch {
        let column = |field: &Field| {
            let values: Vec<&Value> = found.iter().map(|found| &found.record.values[field.column()]).collect();
            column_of(field.data_type(), &values)
        };
        let mut columns: Vec<ArrayRef> = self.fields.iter().map(column).collect();
        if let Some(keys) = &self.keys {
            columns.extend(keys.iter().enumerate().map(|(index, key)| {
                let values: Vec<&Value> = found.iter().map(|found| &found.position.keys[index]).collect();
                column_of(key.field.data_type(), &values)
            }));
            let sequences: Vec<Value> = found.iter().map(|found| Value::Integer(found.position.sequence)).collect();
            columns.push(column_of(DataType::Integer, &sequences.iter().collect::<Vec<_>>()));
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns).expect("the columns are those of the scan")
    }
}
