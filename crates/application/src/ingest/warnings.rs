//! Records that are stored although they are not as they should be.

use std::collections::BTreeMap;

use arrow_array::ArrayRef;
use eider_domain::{Field, Schema, ViolationCode};
use eider_formats::value_at;
use serde::Serialize;

use crate::ports::SharedKey;

/// Stored records that do not have what a property should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarningCount {
    /// The property, or the names of those of a key between commas.
    pub property: String,
    /// What its values lack; of one that lacks several things, the first.
    pub code: ViolationCode,
    /// How many records.
    pub records: u64,
}

impl WarningCount {
    /// Records that share a key.
    pub(super) fn of_key(fields: &[Field], records: u64) -> Self {
        Self { property: SharedKey::names(fields), code: ViolationCode::UniqueViolation, records }
    }
}

/// How many records lack what, by the place of the property.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Warnings(BTreeMap<(usize, &'static str), (ViolationCode, u64)>);

impl Warnings {
    /// What valid records lack, from a column per property.
    pub(super) fn of(schema: &Schema, columns: &[ArrayRef]) -> Self {
        let mut warnings = Self::default();
        let asked = schema.properties().iter().enumerate().filter(|(_, property)| !property.warnings.is_empty());
        for (index, property) in asked {
            let column = &columns[index];
            for row in 0..column.len() {
                let value = value_at(property.data_type, column, row);
                if let Some(code) = property.warnings.broken_by(property.data_type, &value) {
                    warnings.add(index, code, 1);
                }
            }
        }
        warnings
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for ((index, _), (code, records)) in &other.0 {
            self.add(*index, *code, *records);
        }
    }

    fn add(&mut self, index: usize, code: ViolationCode, records: u64) {
        self.0.entry((index, code.name())).or_insert((code, 0)).1 += records;
    }

    /// The counts with the names of the properties.
    pub(super) fn named(&self, schema: &Schema) -> Vec<WarningCount> {
        let count = |((index, _), (code, records)): (&(usize, &str), &(ViolationCode, u64))| WarningCount {
            property: schema.properties()[*index].name.as_str().to_owned(),
            code: *code,
            records: *records,
        };
        self.0.iter().map(count).collect()
    }
}
