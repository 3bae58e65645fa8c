//! Which columns each type takes, and which of them need no look at their values.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Time64MicrosecondType, TimestampMicrosecondType};
use arrow_array::{ArrayRef, StringArray};
use arrow_cast::cast;
use arrow_schema::{DataType as ArrowType, Field};
use eider_domain::{DataType, Family, MAX_DECIMAL_PRECISION, Property, abbreviate, temporal};

use super::scalar::texts_of;
use super::shape::{Extension, carried, check_json, is_binary, is_decimal, is_list, is_text};
use super::value::has_digits;
use crate::reader::ReadError;

/// Digits of the greatest whole number of 64 bits.
const UNSIGNED_DIGITS: u8 = 20;

/// Checks that a column may hold ids.
///
/// # Errors
/// A sentence about the column that may not.
pub(super) fn check_ids(field: &Field) -> Result<(), String> {
    check(DataType::Uuid, None, field)
}

/// Checks that a column may hold values of a property.
///
/// # Errors
/// A sentence about the column that may not.
pub(super) fn check_values(property: &Property, field: &Field) -> Result<(), String> {
    check(property.data_type, Some(property), field)
}

fn check(data_type: DataType, property: Option<&Property>, field: &Field) -> Result<(), String> {
    let (arrow, extension) = carried(field.data_type(), Extension::of(field));
    if takes(data_type, arrow) || property.is_some_and(|property| dialect_takes(property, arrow)) {
        if !arrow.is_nested() {
            return Ok(());
        }
        return check_json(arrow, extension)
            .map_err(|reason| format!("the column `{}` {reason}", abbreviate(field.name())));
    }
    Err(format!(
        "the column `{}` is of the Arrow type {}, which cannot hold {data_type}; send {}",
        abbreviate(field.name()),
        abbreviate(&field.data_type().to_string()),
        accepted_types(data_type),
    ))
}

/// Whether a property takes the values of an Arrow type, which is no dictionary and the like.
fn takes(data_type: DataType, arrow: &ArrowType) -> bool {
    use ArrowType as A;
    let is_span = matches!(arrow, A::Duration(_));
    arrow.is_null()
        || match data_type {
            DataType::String => is_text(arrow) || is_binary(arrow) || is_span || matches!(arrow, A::Interval(_)),
            DataType::Object => is_text(arrow) || matches!(arrow, A::Struct(_) | A::Map(..)),
            DataType::Array => is_text(arrow) || is_list(arrow) || matches!(arrow, A::Map(..)),
            DataType::Integer => arrow.is_integer() || is_decimal(arrow) || is_span,
            DataType::Number => arrow.is_integer() || arrow.is_floating() || is_decimal(arrow),
            DataType::Decimal { .. } => arrow.is_integer() || is_decimal(arrow) || is_text(arrow),
            DataType::Boolean => matches!(arrow, A::Boolean),
            DataType::Date => matches!(arrow, A::Date32 | A::Date64) || is_text(arrow),
            DataType::Time => matches!(arrow, A::Time32(_) | A::Time64(_)) || is_text(arrow),
            DataType::Datetime => matches!(arrow, A::Timestamp(..)) || is_text(arrow),
            // Some writers forget that the bytes have a fixed width.
            DataType::Uuid => matches!(arrow, A::FixedSizeBinary(16)) || is_varying(arrow) || is_text(arrow),
        }
}

/// Whether the dialect of a property reads columns of an Arrow type that its type does not take: what it reads as text
/// it reads as a column of text.
fn dialect_takes(property: &Property, arrow: &ArrowType) -> bool {
    property.dialect.is_some() && (is_text(arrow) || (arrow.is_integer() && dialect_takes_integers(property)))
}

/// Whether the dialect of a property reads whole numbers that its type does not take.
pub(super) fn dialect_takes_integers(property: &Property) -> bool {
    property.data_type.family() != Family::Number && property.needs_digits()
}

/// Whether an Arrow type holds bytes of any length.
fn is_varying(arrow: &ArrowType) -> bool {
    is_binary(arrow) && !matches!(arrow, ArrowType::FixedSizeBinary(_))
}

/// The Arrow types that a property takes, for a person. Each may come in a dictionary or in runs.
fn accepted_types(data_type: DataType) -> &'static str {
    match data_type {
        DataType::String => "Utf8, LargeUtf8 or Utf8View, or Binary, Duration or Interval for their text",
        DataType::Integer => "Int8 to Int64, UInt8 to UInt64, Decimal32 to Decimal256 or Duration",
        DataType::Number => "Float16 to Float64, whole numbers or Decimal32 to Decimal256",
        DataType::Decimal { .. } => "Decimal32 to Decimal256, whole numbers or text",
        DataType::Boolean => "Boolean",
        DataType::Date => "Date32, Date64 or text",
        DataType::Time => "Time32, Time64 or text",
        DataType::Datetime => "Timestamp or text",
        DataType::Uuid => "FixedSizeBinary(16), Binary of 16 bytes or text",
        DataType::Object => "Struct, Map or JSON as text",
        DataType::Array => "List, LargeList, ListView, FixedSizeList, Map or JSON as text",
    }
}

/// The type that columns of an Arrow type, which is no dictionary and the like, are best tried as, of those of a kind;
/// none where that is not worth it.
pub(super) fn proposed(data_type: DataType, arrow: &ArrowType, extension: Extension) -> Option<DataType> {
    use ArrowType as A;
    let is_proposed = match data_type {
        DataType::String => {
            let is_bytes = is_binary(arrow) && *arrow != A::FixedSizeBinary(16);
            is_text(arrow) || is_bytes || matches!(arrow, A::Null | A::Interval(_))
        }
        DataType::Integer => arrow.is_integer() || matches!(arrow, A::Duration(_)),
        DataType::Number => arrow.is_floating(),
        DataType::Decimal { .. } => return proposed_decimal(arrow),
        DataType::Boolean => *arrow == A::Boolean,
        DataType::Date => matches!(arrow, A::Date32 | A::Date64) || is_text(arrow),
        DataType::Time => matches!(arrow, A::Time32(_) | A::Time64(_)) || is_text(arrow),
        DataType::Datetime => matches!(arrow, A::Timestamp(..)) || is_text(arrow),
        DataType::Uuid => matches!(arrow, A::FixedSizeBinary(16)) || is_text(arrow),
        DataType::Object => is_text(arrow) || matches!(arrow, A::Struct(_) | A::Map(..)),
        DataType::Array => is_text(arrow) || is_list(arrow) || matches!(arrow, A::Map(..)),
    };
    let has_form = !arrow.is_nested() || check_json(arrow, extension).is_ok();
    (is_proposed && has_form).then_some(data_type)
}

/// The decimal that has the digits of an Arrow type, as far as there are so many.
fn proposed_decimal(arrow: &ArrowType) -> Option<DataType> {
    use ArrowType as A;
    match arrow {
        A::Decimal32(precision, scale)
        | A::Decimal64(precision, scale)
        | A::Decimal128(precision, scale)
        | A::Decimal256(precision, scale) => {
            let zeros = scale.min(&0).unsigned_abs();
            let precision = precision.saturating_add(zeros).min(MAX_DECIMAL_PRECISION);
            Some(DataType::Decimal { precision, scale: scale.max(&0).unsigned_abs().min(precision) })
        }
        // A double would round what is beyond 63 bits.
        A::UInt64 => Some(DataType::Decimal { precision: UNSIGNED_DIGITS, scale: 0 }),
        _ => None,
    }
}

/// The column in the Arrow type of its property, where every value survives that: no look at the values is needed.
pub(super) fn widened(
    data_type: DataType,
    column: &ArrayRef,
    extension: Extension,
) -> Result<Option<ArrayRef>, ReadError> {
    let found = column.data_type();
    let target = data_type.arrow_type();
    if data_type == DataType::String
        && let Some(texts) = texts_of(column, extension == Extension::Uuid)
    {
        return Ok(Some(Arc::new(texts.collect::<StringArray>())));
    }
    let is_total = match data_type {
        DataType::String => is_text(found),
        DataType::Integer => found.is_integer() && *found != ArrowType::UInt64,
        DataType::Number => found.is_integer() || found.is_floating(),
        DataType::Decimal { .. }
        | DataType::Boolean
        | DataType::Date
        | DataType::Time
        | DataType::Datetime
        | DataType::Uuid
        | DataType::Object
        | DataType::Array => false,
    };
    if is_total && *found != target { Ok(Some(cast(column, &target)?)) } else { Ok(None) }
}

/// Whether an Arrow type is that of the property, but for the name of a zone.
pub(super) fn is_of_type(data_type: DataType, found: &ArrowType) -> bool {
    match (found, data_type.arrow_type()) {
        (ArrowType::Timestamp(unit, _), ArrowType::Timestamp(own, _)) => *unit == own,
        (found, own) => *found == own,
    }
}

/// Whether every value of a column of a type's own Arrow type is one that the type can hold. Looks at values at most to
/// compare them with the bounds of the type.
pub(super) fn holds_only_values(data_type: DataType, column: &ArrayRef) -> bool {
    match data_type {
        DataType::String | DataType::Integer | DataType::Boolean | DataType::Uuid => true,
        DataType::Number => column.as_primitive::<Float64Type>().values().iter().all(|value| value.is_finite()),
        DataType::Decimal { precision, .. } => {
            column.as_primitive::<Decimal128Type>().values().iter().all(|v| has_digits(*v, precision))
        }
        DataType::Date => {
            column.as_primitive::<Date32Type>().values().iter().all(|days| temporal::is_date_in_range(*days))
        }
        DataType::Time => {
            let times = column.as_primitive::<Time64MicrosecondType>();
            times.values().iter().all(|micros| temporal::is_time_in_range(*micros))
        }
        DataType::Datetime => {
            let instants = column.as_primitive::<TimestampMicrosecondType>();
            instants.values().iter().all(|micros| temporal::is_in_range(*micros))
        }
        DataType::Object | DataType::Array => false,
    }
}
