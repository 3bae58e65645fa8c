//! Which column of a body holds which property, and which Arrow types a property takes.

use arrow_schema::{DataType as ArrowType, Schema as ArrowSchema};
use eider_domain::{DataType, RecordCheck, Schema, Slot, ValueRef, abbreviate};

use super::size::FIXED_BYTES;
use crate::reader::slots::slots_of;

/// Where the columns of a body belong.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    id: Option<usize>,
    /// The column of each property, where there is one.
    properties: Vec<Option<usize>>,
    /// Bytes of text that defaults add to each record.
    default_bytes: usize,
}

impl ColumnPlan {
    /// The plan for a body of these columns.
    ///
    /// # Errors
    /// A sentence about the first column that is unknown, the server's, given twice, or of a type that cannot hold
    /// its property.
    pub(super) fn new(schema: &Schema, columns: &ArrowSchema, ignores_read_only: bool) -> Result<Self, String> {
        let slots = slots_of(schema, columns.fields().iter().map(|field| field.name().as_str()), ignores_read_only)?;
        let mut plan = Self { id: None, properties: vec![None; schema.properties().len()], default_bytes: 0 };
        for (column, (slot, field)) in slots.into_iter().zip(columns.fields()).enumerate() {
            let Some(slot) = slot else { continue };
            let data_type = match slot {
                Slot::Id => {
                    plan.id = Some(column);
                    DataType::Uuid
                }
                Slot::Property(index) => {
                    plan.properties[index] = Some(column);
                    schema.properties()[index].data_type
                }
            };
            if !takes(data_type, field.data_type()) {
                return Err(format!(
                    "the column `{}` is of the Arrow type {}, which cannot hold {data_type}; send {}",
                    abbreviate(field.name()),
                    abbreviate(&field.data_type().to_string()),
                    accepted_types(data_type),
                ));
            }
        }
        let missing = schema.properties().iter().zip(&plan.properties).filter(|(_, column)| column.is_none());
        plan.default_bytes = missing
            .map(|(property, _)| match RecordCheck::missing_value(property) {
                ValueRef::Text(text) | ValueRef::Json(text) => text.len(),
                _ => 0,
            })
            .sum();
        Ok(plan)
    }

    /// The column of the ids.
    pub(super) fn id(&self) -> Option<usize> {
        self.id
    }

    /// The column of each property.
    pub(super) fn properties(&self) -> &[Option<usize>] {
        &self.properties
    }

    /// Bytes that each record takes beside the text that the body has for it.
    pub(super) fn bytes_beside_text(&self) -> usize {
        self.default_bytes + FIXED_BYTES * self.properties.len()
    }
}

/// Whether a column of an Arrow type may hold values of a property's type.
fn takes(data_type: DataType, arrow: &ArrowType) -> bool {
    let is_decimal = matches!(
        arrow,
        ArrowType::Decimal32(..) | ArrowType::Decimal64(..) | ArrowType::Decimal128(..) | ArrowType::Decimal256(..)
    );
    matches!(arrow, ArrowType::Null)
        || match data_type {
            DataType::String | DataType::Object | DataType::Array => is_text(arrow),
            DataType::Integer => arrow.is_integer(),
            DataType::Number => arrow.is_integer() || arrow.is_floating(),
            DataType::Decimal { .. } => arrow.is_integer() || is_decimal || is_text(arrow),
            DataType::Boolean => matches!(arrow, ArrowType::Boolean),
            DataType::Date => matches!(arrow, ArrowType::Date32 | ArrowType::Date64) || is_text(arrow),
            DataType::Time => matches!(arrow, ArrowType::Time32(_) | ArrowType::Time64(_)) || is_text(arrow),
            DataType::Datetime => matches!(arrow, ArrowType::Timestamp(..)) || is_text(arrow),
            DataType::Uuid => matches!(arrow, ArrowType::FixedSizeBinary(16)) || is_text(arrow),
        }
}

/// Whether an Arrow type holds text, perhaps by way of a dictionary.
pub(super) fn is_text(arrow: &ArrowType) -> bool {
    match arrow {
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => true,
        ArrowType::Dictionary(_, values) => !matches!(**values, ArrowType::Dictionary(..)) && is_text(values),
        _ => false,
    }
}

/// The Arrow types that a property takes, for a person. Text is `Utf8`, `LargeUtf8`, `Utf8View` or a dictionary of one.
fn accepted_types(data_type: DataType) -> &'static str {
    match data_type {
        DataType::String => "Utf8, LargeUtf8, Utf8View or a dictionary of one of them",
        DataType::Integer => "Int8 to Int64 or UInt8 to UInt64",
        DataType::Number => "Float16 to Float64 or whole numbers",
        DataType::Decimal { .. } => "Decimal32 to Decimal256, whole numbers or text",
        DataType::Boolean => "Boolean",
        DataType::Date => "Date32, Date64 or text",
        DataType::Time => "Time32, Time64 or text",
        DataType::Datetime => "Timestamp or text",
        DataType::Uuid => "FixedSizeBinary(16) or text",
        DataType::Object | DataType::Array => "JSON as Utf8, LargeUtf8, Utf8View or a dictionary of one of them",
    }
}
