//! Which values of records are found by an index, and which no two records may share.

use crate::{Field, RECORD_FIELD_COUNT, Severity};

/// Most [`UniqueKey`]s that a schema may have.
pub const MAX_UNIQUE_KEYS: usize = 10;
/// Most properties that a [`UniqueKey`] may have.
pub const MAX_KEY_PROPERTIES: usize = 8;

/// Properties whose values, taken together, no two records may share. A record in which one of them is null has no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// Their places among the schema's properties; each once, and several unless it is a warning.
    pub properties: Vec<usize>,
    /// Whether a second record with the key is refused, or only counted.
    pub severity: Severity,
}

/// An index that a schema asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// What it is on, in its order; at least one.
    pub fields: Vec<Field>,
    /// Whether it refuses a second record with the same values.
    pub is_unique: bool,
}

impl Index {
    /// The places of what it is on among the schema's properties, in its order.
    pub fn places(&self) -> Vec<usize> {
        self.fields.iter().map(|field| field.column() - RECORD_FIELD_COUNT).collect()
    }
}

/// Fields as a person reads them: `` `carrier`, `flight` and `day` ``.
pub fn listed(fields: &[Field]) -> String {
    let mut names: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
    match names.pop() {
        Some(last) if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        last => last.unwrap_or_default(),
    }
}
