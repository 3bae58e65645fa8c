//! UUIDs as text in formats of typed columns, for readers that show bytes otherwise.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use uuid::Uuid;

use super::Format;
use crate::writer::RecordWriter;

/// How UUIDs are written where a format has types: Arrow and Parquet. In text they are text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UuidForm {
    /// As sixteen bytes, whose field says that they are a UUID.
    #[default]
    Bytes,
    /// As text.
    Text,
}

/// Writes batches whose UUIDs it has turned into text.
#[derive(Debug)]
pub(super) struct UuidsAsText {
    writer: Box<dyn RecordWriter>,
    columns: SchemaRef,
    /// The places of the UUIDs.
    places: Vec<usize>,
}

impl UuidsAsText {
    /// For batches with the columns of `schema`.
    pub(super) fn new(format: Format, schema: &SchemaRef) -> Result<Self, ArrowError> {
        let fields = schema.fields();
        let places = (0..fields.len()).filter(|place| is_uuid(&fields[*place])).collect();
        let field = |field: &FieldRef| if is_uuid(field) { Arc::new(text_field(field)) } else { Arc::clone(field) };
        let fields: Vec<FieldRef> = fields.iter().map(field).collect();
        let columns = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        Ok(Self { writer: format.writer(&columns)?, columns, places })
    }
}

impl RecordWriter for UuidsAsText {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.begin(out)
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let mut columns = batch.columns().to_vec();
        for place in &self.places {
            if let Some(column) = columns.get_mut(*place) {
                *column = texts(column);
            }
        }
        self.writer.batch(&RecordBatch::try_new(SchemaRef::clone(&self.columns), columns)?, out)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.end(out)
    }
}

fn is_uuid(field: &Field) -> bool {
    field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == "arrow.uuid")
}

/// The field without what says that it is a UUID.
fn text_field(field: &Field) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.remove(EXTENSION_TYPE_NAME_KEY);
    Field::new(field.name(), DataType::Utf8, field.is_nullable()).with_metadata(metadata)
}

fn texts(column: &ArrayRef) -> ArrayRef {
    let Some(bytes) = column.as_fixed_size_binary_opt() else { return Arc::clone(column) };
    let text = |bytes: Option<&[u8]>| Some(Uuid::from_slice(bytes?).ok()?.hyphenated().to_string());
    Arc::new(bytes.iter().map(text).collect::<StringArray>())
}
