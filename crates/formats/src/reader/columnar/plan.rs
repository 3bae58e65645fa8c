//! Which column of a body holds which property.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_schema::Schema as ArrowSchema;
use eider_domain::{RecordCheck, Schema, Slot, SourceNames, ValueRef};

use super::accepted::{check_ids, check_values};
use super::size::FIXED_BYTES;
use crate::reader::slots::{Slots, slots_of};

/// Bytes of nested values that may be written out for records that turn out to be too large. A body of a few bytes can
/// hold any number of such records, and none of them is found without writing it.
const MAX_WASTED_BYTES: u64 = 4 << 30;

/// Where the columns of a body belong.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    id: Option<usize>,
    /// The column of each property, where there is one.
    properties: Vec<Option<usize>>,
    slots: Slots,
    /// Bytes of text that defaults add to each record.
    default_bytes: usize,
    /// Bytes that were written out in vain.
    wasted: AtomicU64,
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
        let properties = vec![None; schema.properties().len()];
        let mut plan = Self { id: None, properties, slots, default_bytes: 0, wasted: AtomicU64::new(0) };
        for (column, (slot, field)) in plan.slots.slots.iter().zip(columns.fields()).enumerate() {
            match slot {
                None => {}
                Some(Slot::Id) => {
                    check_ids(field)?;
                    plan.id = Some(column);
                }
                Some(Slot::Property(index)) => {
                    check_values(&schema.properties()[*index], field)?;
                    plan.properties[*index] = Some(column);
                }
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

    /// Takes note of bytes that were written out for a record that is refused; whether there may be more.
    pub(super) fn waste(&self, bytes: usize) -> bool {
        self.wasted.fetch_add(bytes as u64, Ordering::Relaxed) <= MAX_WASTED_BYTES
    }

    /// Bytes that each record takes beside the text that the body has for it.
    pub(super) fn bytes_beside_text(&self) -> usize {
        self.default_bytes + FIXED_BYTES * self.properties.len()
    }
}
