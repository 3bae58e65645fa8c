//! Fields of a record that a query may name: the record's own and the properties.

use std::fmt;

use strum::{EnumCount, IntoStaticStr};

use crate::{ColumnName, DataType, PropertyName, Violation, ViolationCode, pointer_to};

/// A field that every record has, in the order in which records show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumCount, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SystemField {
    /// The record's identity; `uuid`.
    Id,
    /// When the record was created; `datetime`.
    CreatedAt,
    /// When the record was last written; `datetime`.
    UpdatedAt,
    /// How often the record has been written; `integer`.
    Version,
}

impl SystemField {
    /// All of them, in record order.
    pub const ALL: [Self; Self::COUNT] = [Self::Id, Self::CreatedAt, Self::UpdatedAt, Self::Version];

    /// The field's name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The field's type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Id => DataType::Uuid,
            Self::CreatedAt | Self::UpdatedAt => DataType::Datetime,
            Self::Version => DataType::Integer,
        }
    }
}

/// A field of the records of one schema, found by [`crate::Schema::field`], or of the groups of an aggregation, found by
/// [`crate::Aggregation::field`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// A field of the record itself.
    System(SystemField),
    /// A property of the schema.
    Property {
        /// Its name as the schema spells it.
        name: PropertyName,
        /// Its type.
        data_type: DataType,
        /// Its place among the schema's properties, from 0.
        index: usize,
    },
    /// A column of an aggregation.
    Computed {
        /// Its name as the aggregation spells it.
        name: ColumnName,
        /// Its type.
        data_type: DataType,
        /// Its place among the aggregation's columns, from 0.
        index: usize,
    },
}

impl Field {
    /// The field's name as records spell it.
    pub fn name(&self) -> &str {
        match self {
            Self::System(field) => field.name(),
            Self::Property { name, .. } => name.as_str(),
            Self::Computed { name, .. } => name.as_str(),
        }
    }

    /// The type of the field's values.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::System(field) => field.data_type(),
            Self::Property { data_type, .. } | Self::Computed { data_type, .. } => *data_type,
        }
    }

    /// The field's column in the full Arrow schema of its records or its groups, from 0.
    pub fn column(&self) -> usize {
        match self {
            Self::System(field) => *field as usize,
            Self::Property { index, .. } => SystemField::ALL.len() + index,
            Self::Computed { index, .. } => *index,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A query names a field that the schema does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no property `{name}`{}", self.hint())]
pub struct UnknownField {
    /// The name as the client wrote it, cut to a readable length.
    pub name: String,
    /// The nearest field there is.
    pub suggestion: Option<String>,
}

impl UnknownField {
    fn hint(&self) -> String {
        self.suggestion.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
    }
}

impl Violation {
    /// Two records share a key: at its field, or at the record where it has several.
    pub fn of_key(fields: &[Field], detail: impl Into<String>) -> Self {
        let code = match fields {
            [Field::System(_)] => ViolationCode::DuplicateId,
            _ => ViolationCode::UniqueViolation,
        };
        let pointer = match fields {
            [field] => pointer_to("", field.name()),
            _ => String::new(),
        };
        Self::new(pointer, code, detail)
    }
}
