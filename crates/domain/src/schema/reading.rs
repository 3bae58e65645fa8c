//! Other views of a schema, for reading what was exported from one like it.

use std::sync::Arc;

use super::{Schema, SystemField};
use crate::{Property, PropertyName, SchemaDefinition, Value};

/// Greatest version that a record may bring along: every reader of JSON has it exactly, and changes can still count on.
pub const MAX_KEPT_VERSION: i64 = 1 << 53;

impl Schema {
    /// The fields that the server keeps and that a record may bring along where it is allowed to, in the order in which
    /// [`Schema::with_kept_fields`] has them.
    pub const KEPT_FIELDS: [SystemField; 3] = [SystemField::CreatedAt, SystemField::UpdatedAt, SystemField::Version];

    /// The schema with [`Schema::KEPT_FIELDS`] as properties behind its own, none of them required: what reads records
    /// that bring them along. No record is of it.
    #[must_use]
    pub fn with_kept_fields(&self) -> Self {
        let kept = Self::KEPT_FIELDS.map(|field| {
            let mut property = Property::new(PropertyName::of_record(field.name()), field.data_type());
            if field == SystemField::Version {
                property.constraints.minimum = Some(Value::Integer(1));
                property.constraints.maximum = Some(Value::Integer(MAX_KEPT_VERSION));
            }
            property
        });
        self.reading(self.definition.with_properties(|properties| properties.extend(kept)))
    }

    /// The schema without what it says of how incoming values are written: what reads values that are written as Eider
    /// writes them.
    #[must_use]
    pub fn without_dialects(&self) -> Self {
        let plain = |properties: &mut Vec<Property>| properties.iter_mut().for_each(|property| property.dialect = None);
        self.reading(self.definition.with_properties(plain))
    }

    /// The same schema, read by another definition whose properties stand at the same places.
    fn reading(&self, definition: SchemaDefinition) -> Self {
        let reading = Self::new(definition, self.version, self.created_at).in_store(self.store);
        Self { source_names: Arc::clone(&self.source_names), ..reading }
    }
}
