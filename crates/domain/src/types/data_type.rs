//! The abstract types of properties and how each looks as an Arrow column.

use std::collections::HashMap;
use std::fmt;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, TimeUnit};
use strum::{EnumCount, EnumString, IntoStaticStr, VariantNames};

/// Most digits that a `decimal` may have in all.
pub const MAX_DECIMAL_PRECISION: u8 = 38;

/// The extension type of Arrow that is JSON.
const JSON_EXTENSION: &str = "arrow.json";

/// The type of a property, independent of any storage engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumCount, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum DataType {
    /// Unicode text.
    String,
    /// 64-bit signed integer.
    Integer,
    /// IEEE 754 double, finite.
    Number,
    /// Exact decimal number; a JSON string on the wire.
    Decimal {
        /// Digits in all, 1 to [`MAX_DECIMAL_PRECISION`].
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// `true` or `false`.
    Boolean,
    /// Calendar date, years 0000 to 9999.
    Date,
    /// Time of day in microseconds.
    Time,
    /// Instant in microseconds, UTC, years 0000 to 9999.
    Datetime,
    /// UUID of any version.
    Uuid,
    /// Any JSON object.
    Object,
    /// Any JSON array.
    Array,
}

/// Types that most rules treat alike. A rule that asks for the family need not know of every type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `string`.
    Text,
    /// `integer`, `number` and `decimal`.
    Number,
    /// `boolean`.
    Boolean,
    /// `date`, `time` and `datetime`.
    Time,
    /// `uuid`.
    Identifier,
    /// `object` and `array`.
    Nested,
}

/// What JSON writes the values of a type as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JsonKind {
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// An array.
    Array,
}

/// What a value of a type says of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeParts {
    /// A day of the calendar.
    pub has_day: bool,
    /// A time of day; with a day it is an instant.
    pub has_clock: bool,
}

impl DataType {
    /// One of each type, those first that take the fewest texts: what a value is tried as. A decimal is one of whole
    /// numbers with all the digits there are.
    pub const STRICTEST_FIRST: [Self; Self::COUNT] = [
        Self::Boolean,
        Self::Integer,
        Self::Date,
        Self::Time,
        Self::Datetime,
        Self::Uuid,
        Self::Number,
        Self::Decimal { precision: MAX_DECIMAL_PRECISION, scale: 0 },
        Self::Object,
        Self::Array,
        Self::String,
    ];

    /// Names of all types as schemas spell them.
    pub const NAMES: &'static [&'static str] = Self::VARIANTS;

    /// The name as schemas spell it.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The type of a name, a decimal without digits; `None` when there is none of this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// The family that the type belongs to.
    pub fn family(self) -> Family {
        match self {
            Self::String => Family::Text,
            Self::Integer | Self::Number | Self::Decimal { .. } => Family::Number,
            Self::Boolean => Family::Boolean,
            Self::Date | Self::Time | Self::Datetime => Family::Time,
            Self::Uuid => Family::Identifier,
            Self::Object | Self::Array => Family::Nested,
        }
    }

    /// What values say of time; `None` of a type that says nothing.
    pub fn time_parts(self) -> Option<TimeParts> {
        match self {
            Self::Date => Some(TimeParts { has_day: true, has_clock: false }),
            Self::Time => Some(TimeParts { has_day: false, has_clock: true }),
            Self::Datetime => Some(TimeParts { has_day: true, has_clock: true }),
            Self::String
            | Self::Integer
            | Self::Number
            | Self::Decimal { .. }
            | Self::Boolean
            | Self::Uuid
            | Self::Object
            | Self::Array => None,
        }
    }

    /// Whether values have a day of the calendar.
    pub fn has_day(self) -> bool {
        self.time_parts().is_some_and(|parts| parts.has_day)
    }

    /// What JSON writes values as.
    pub fn json_kind(self) -> JsonKind {
        match self {
            Self::String | Self::Decimal { .. } | Self::Date | Self::Time | Self::Datetime | Self::Uuid => {
                JsonKind::Text
            }
            Self::Integer | Self::Number => JsonKind::Number,
            Self::Boolean => JsonKind::Boolean,
            Self::Object => JsonKind::Object,
            Self::Array => JsonKind::Array,
        }
    }

    /// Whether values of this type can be had as values of another without loss, all of them or most of them.
    pub fn widens_to(self, to: Self) -> bool {
        let is_wider = match self {
            Self::Integer => matches!(to, Self::Number | Self::Decimal { .. } | Self::String),
            Self::Decimal { precision, scale } => {
                if let Self::Decimal { precision: wider, scale: finer } = to {
                    finer >= scale && wider - finer >= precision - scale
                } else {
                    to == Self::String
                }
            }
            Self::Boolean | Self::Uuid => to == Self::String,
            Self::Date => matches!(to, Self::Datetime | Self::String),
            Self::String | Self::Number | Self::Time | Self::Datetime | Self::Object | Self::Array => false,
        };
        is_wider || self == to
    }

    /// Whether values have an order that `gt`, `minimum` and the like may use.
    pub fn is_ordered(self) -> bool {
        match self.family() {
            Family::Text | Family::Number | Family::Time | Family::Identifier => true,
            Family::Boolean | Family::Nested => false,
        }
    }

    /// Whether values lie between limits that mean something: numbers and times do, texts and identifiers do not.
    pub fn has_limits(self) -> bool {
        match self.family() {
            Family::Number | Family::Time => true,
            Family::Text | Family::Boolean | Family::Identifier | Family::Nested => false,
        }
    }

    /// Whether values may be compared for equality, indexed and sorted by; nested JSON may not.
    pub fn is_comparable(self) -> bool {
        self.family() != Family::Nested
    }

    /// The Arrow type of a column of this type.
    ///
    /// `uuid` is the canonical extension `arrow.uuid` over 16 bytes, `object` and `array` are `arrow.json`
    /// over text (Arrow specification, canonical extension types); see [`DataType::arrow_field`].
    pub fn arrow_type(self) -> ArrowType {
        match self {
            Self::String | Self::Object | Self::Array => ArrowType::Utf8,
            Self::Integer => ArrowType::Int64,
            Self::Number => ArrowType::Float64,
            Self::Decimal { precision, scale } => ArrowType::Decimal128(precision, scale.cast_signed()),
            Self::Boolean => ArrowType::Boolean,
            Self::Date => ArrowType::Date32,
            Self::Time => ArrowType::Time64(TimeUnit::Microsecond),
            Self::Datetime => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Uuid => ArrowType::FixedSizeBinary(16),
        }
    }

    /// The Arrow field of a column of this type, with the extension metadata that the type carries.
    pub fn arrow_field(self, name: &str, nullable: bool) -> ArrowField {
        let field = ArrowField::new(name, self.arrow_type(), nullable);
        let Some(extension) = self.arrow_extension() else { return field };
        let mut metadata = HashMap::from([(EXTENSION_TYPE_NAME_KEY.to_owned(), extension.to_owned())]);
        if extension == JSON_EXTENSION {
            metadata.insert(EXTENSION_TYPE_METADATA_KEY.to_owned(), String::new());
        }
        field.with_metadata(metadata)
    }

    /// The canonical extension type of Arrow, of a type that is one.
    fn arrow_extension(self) -> Option<&'static str> {
        match self {
            Self::Uuid => Some("arrow.uuid"),
            Self::Object | Self::Array => Some(JSON_EXTENSION),
            Self::String
            | Self::Integer
            | Self::Number
            | Self::Decimal { .. }
            | Self::Boolean
            | Self::Date
            | Self::Time
            | Self::Datetime => None,
        }
    }

    /// The type whose columns look so: what [`DataType::arrow_field`] makes of it, whatever the name of its zone.
    /// `object` for nested JSON of either kind; `None` when there is no such type.
    pub fn of_arrow(field: &ArrowField) -> Option<Self> {
        let is_json = field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == JSON_EXTENSION);
        let found = field.data_type();
        if let ArrowType::Decimal128(precision, scale) = found {
            return u8::try_from(*scale).ok().map(|scale| Self::Decimal { precision: *precision, scale });
        }
        if matches!(found, ArrowType::Timestamp(TimeUnit::Microsecond, _)) {
            return Some(Self::Datetime);
        }
        let is_nested = |data_type: &Self| data_type.family() == Family::Nested;
        let mut alike = Self::STRICTEST_FIRST.into_iter().filter(|data_type| data_type.arrow_type() == *found);
        alike.find(|data_type| is_nested(data_type) == is_json)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Decimal { precision, scale } = self {
            return write!(f, "decimal({precision},{scale})");
        }
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_that_of_its_type() {
        for name in DataType::NAMES {
            assert_eq!(DataType::of_name(name).unwrap().name(), *name);
        }
        assert_eq!(DataType::NAMES.len(), 11);
        assert_eq!(DataType::of_name("decimal"), Some(DataType::Decimal { precision: 0, scale: 0 }));
        assert_eq!(DataType::of_name("String"), None);
    }

    #[test]
    fn every_type_is_found_by_its_column() {
        for data_type in DataType::STRICTEST_FIRST {
            let found = DataType::of_arrow(&data_type.arrow_field("c", true));
            let expected = if data_type == DataType::Array { DataType::Object } else { data_type };
            assert_eq!(found, Some(expected));
            assert_eq!(DataType::STRICTEST_FIRST.iter().filter(|other| **other == data_type).count(), 1);
        }
        assert_eq!(DataType::of_arrow(&ArrowField::new("c", ArrowType::Float16, true)), None);
        assert_eq!(DataType::of_arrow(&ArrowField::new("c", ArrowType::Decimal128(5, -2), true)), None);
    }
}
