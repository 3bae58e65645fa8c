//! Which column of a body holds which property, and which Arrow types a property takes.

use arrow_schema::Schema as ArrowSchema;
use eider_domain::{DataType, RecordCheck, Schema, Slot, SourceNames, ValueRef, abbreviate};

use super::size::FIXED_BYTES;
use super::value::{accepted_types, dialect_takes, takes};
use crate::reader::slots::{Slots, slots_of};

/// Where the columns of a body belong.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    id: Option<usize>,
    /// The column of each property, where there is one.
    properties: Vec<Option<usize>>,
    slots: Slots,
    /// Bytes of text that defaults add to each record.
    default_bytes: usize,
}

impl ColumnPlan {
    /// The plan for a body of these columns.
    ///
    /// # Errors
    /// A sentence about the first column that is unknown, the server's, given twice, or of a type that cannot hold
    /// its property.
    pub(super) fn new(
        schema: &Schema,
        names: &SourceNames,
        columns: &ArrowSchema,
        ignores_read_only: bool,
    ) -> Result<Self, String> {
        let given = columns.fields().iter().map(|field| field.name().as_str());
        let slots = slots_of(schema, names, given, ignores_read_only)?;
        let mut plan = Self { id: None, properties: vec![None; schema.properties().len()], slots, default_bytes: 0 };
        for (column, (slot, field)) in plan.slots.slots.iter().zip(columns.fields()).enumerate() {
            let Some(slot) = *slot else { continue };
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
            let by_dialect = match slot {
                Slot::Id => false,
                Slot::Property(index) => dialect_takes(&schema.properties()[index], field.data_type()),
            };
            let is_taken = by_dialect || takes(data_type, field.data_type());
            if !is_taken {
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
                // What has a fixed length is counted with the columns.
                _ => 0,
            })
            .sum();
        Ok(plan)
    }

    /// For each of `names`, how many of so many records had a value under it.
    pub(super) fn name_uses(&self, names: &SourceNames, records: u64) -> Vec<u64> {
        self.slots.name_uses(names, records)
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
