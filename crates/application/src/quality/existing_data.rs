//! Which stored records violate what a change of their schema asks of them.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use eider_domain::{
    Demand, DemandKind, Evolution, Field, Property, RecordId, Schema, SystemField, Value, ViolationCode,
};
use eider_formats::value_at;
use uuid::Uuid;

use crate::ports::{EXISTING_VIOLATION_SAMPLE, ExistingDataViolation};

/// Finds existing-data violations, batch by batch, in what a store reads of its records. Memory does not grow with
/// their number.
#[derive(Debug)]
pub struct ExistingDataCheck {
    /// What is asked of each record by itself: the column to look at, and the property as it will be.
    demands: Vec<(Demand, Option<usize>, Property)>,
    fields: Vec<Field>,
    found: Vec<ExistingDataViolation>,
}

impl ExistingDataCheck {
    /// What a change asks of each stored record by itself; whether they share [keys](Evolution::new_keys) is left to
    /// the store.
    pub fn new(evolution: &Evolution, before: &Schema) -> Self {
        let mut fields = vec![Field::System(SystemField::Id)];
        let mut demands = Vec::new();
        for demand in evolution.demands(before) {
            let column = demand.origin.map(|index| {
                let field = &before.fields()[eider_domain::RECORD_FIELD_COUNT + index];
                fields.iter().position(|known| known == field).unwrap_or_else(|| {
                    fields.push(field.clone());
                    fields.len() - 1
                })
            });
            demands.push((demand, column, evolution.next().properties()[demand.property].clone()));
        }
        Self { demands, fields, found: Vec::new() }
    }

    /// Whether records need not be looked at.
    pub fn asks_nothing(&self) -> bool {
        self.demands.is_empty()
    }

    /// The fields of the batches that [`ExistingDataCheck::look_at`] takes: the id first.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Takes note of the records of a batch that contradict the change.
    pub fn look_at(&mut self, batch: &RecordBatch) {
        let ids = batch.column(0).as_fixed_size_binary();
        for (demand, column, next) in &self.demands {
            let column = column.map(|index| (self.fields[index].data_type(), batch.column(index)));
            if demand.kind == DemandKind::Present && column.is_some_and(|(_, column)| column.null_count() == 0) {
                continue;
            }
            for row in 0..batch.num_rows() {
                let value = column.map_or(Value::Null, |(data_type, column)| value_at(data_type, column, row));
                if let Some(code) = demand.broken_by(next, &value) {
                    let id = RecordId::new(Uuid::from_slice(ids.value(row)).unwrap_or_default());
                    note(&mut self.found, next, code, id);
                }
            }
        }
    }

    /// What was found, by property and by what was not fulfilled.
    pub fn into_found(self) -> Vec<ExistingDataViolation> {
        self.found
    }
}

fn note(found: &mut Vec<ExistingDataViolation>, next: &Property, code: ViolationCode, id: RecordId) {
    let is_known = |known: &ExistingDataViolation| known.properties == [next.name.clone()] && known.code == code;
    let index = found.iter().position(is_known).unwrap_or_else(|| {
        found.push(ExistingDataViolation { properties: vec![next.name.clone()], code, records: 0, sample: Vec::new() });
        found.len() - 1
    });
    let violation = &mut found[index];
    violation.records += 1;
    if violation.sample.len() < EXISTING_VIOLATION_SAMPLE {
        violation.sample.push(id);
    }
}
