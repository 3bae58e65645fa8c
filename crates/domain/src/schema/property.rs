//! One typed property of a schema.

use crate::types::typed;
use crate::{Constraints, DataType, Dialect, Incoming, PropertyName, Refusal, Value, ValueRef, ViolationCode};

/// A property: its name, its type and what its values must satisfy.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Unique within its schema, without regard to case.
    pub name: PropertyName,
    /// What it is called in incoming data, beside its name: at most [`MAX_ALIASES`](crate::MAX_ALIASES), compared exactly
    /// before they are without regard to case.
    pub aliases: Vec<String>,
    /// The type of its values.
    pub data_type: DataType,
    /// Refuses null and missing.
    pub is_required: bool,
    /// Whether the store keeps an index for equality.
    pub is_indexed: bool,
    /// Whether the store refuses a second record with the same value; nulls do not count.
    pub is_unique: bool,
    /// For people.
    pub description: Option<String>,
    /// Takes the place of a missing value; a null that is sent stays null.
    pub default: Option<Value>,
    /// What values must satisfy beyond their type; a record that does not is refused.
    pub constraints: Constraints,
    /// How incoming values are written, where they are not written as Eider writes them.
    pub dialect: Option<Box<Dialect>>,
    /// What values should satisfy; a record that does not is stored, and counted.
    pub warnings: Warnings,
}

/// What the values of a property should satisfy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Warnings {
    /// None should be null.
    pub is_required: bool,
    /// Beyond their type.
    pub constraints: Constraints,
}

impl Warnings {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        !self.is_required && self.constraints.is_empty()
    }

    /// What a value of the property's type lacks.
    pub fn broken_by(&self, data_type: DataType, value: &ValueRef<'_>) -> Option<ViolationCode> {
        if matches!(value, ValueRef::Null) {
            return self.is_required.then_some(ViolationCode::RequiredMissing);
        }
        self.constraints.check(data_type, value).err().map(|(code, _)| code)
    }
}

impl Property {
    /// A property of a type, with nothing else asked of it.
    pub fn new(name: PropertyName, data_type: DataType) -> Self {
        Self {
            name,
            aliases: Vec::new(),
            data_type,
            is_required: false,
            is_indexed: false,
            is_unique: false,
            description: None,
            default: None,
            constraints: Constraints::default(),
            dialect: None,
            warnings: Warnings::default(),
        }
    }

    /// Brings an incoming token to the property's type, as its dialect says.
    ///
    /// # Errors
    /// A code of the type's own ([`ViolationCode::TypeMismatch`], [`ViolationCode::OutOfRange`],
    /// [`ViolationCode::InvalidValue`]) with a sentence for a person.
    pub(crate) fn read<'a>(&self, token: Incoming<'a>) -> Result<ValueRef<'a>, Refusal> {
        match &self.dialect {
            None => typed(self.data_type, token),
            Some(dialect) => dialect.read(self.data_type, token),
        }
    }

    /// Whether a number is to be handed over as it is written ([`Incoming::Digits`]): its digits count.
    pub fn needs_digits(&self) -> bool {
        matches!(self.data_type, DataType::Decimal { .. })
            || self.dialect.as_ref().is_some_and(|dialect| dialect.needs_digits())
    }

    /// Whether values of JSON that are no texts are kept as the JSON that they are.
    pub fn stringifies(&self) -> bool {
        self.dialect.as_ref().is_some_and(|dialect| dialect.stringifies)
    }

    /// Whether it asks the same of its values as another: neither names nor aliases nor indexes nor defaults count.
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        self.data_type == other.data_type
            && self.is_required == other.is_required
            && self.is_unique == other.is_unique
            && self.constraints == other.constraints
            && self.warnings == other.warnings
    }

    /// Whether there is an index on it alone.
    pub fn has_index(&self) -> bool {
        self.is_indexed || self.is_unique
    }
}
