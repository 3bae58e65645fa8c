//! What each type takes of Arrow: which columns, and which of their values.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::i256;
use arrow_cast::cast;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use eider_domain::{
    DataType, Dialect, Family, Incoming, MAX_DECIMAL_PRECISION, Property, RecordCheck, Refusal, Slot, TOO_FINE,
    ValueRef, ViolationCode, temporal,
};

use super::report::BatchReport;
use crate::column::{Column, ColumnBuilder};
use crate::reader::ReadError;

/// A value of a property's type, or why there is none.
type Read<'a> = Result<ValueRef<'a>, Unfit>;

/// Why a value is none of a property's type.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// For a reason that the type's own words tell.
    Code(ViolationCode),
    /// For another.
    Refusal(Refusal),
}

impl From<ViolationCode> for Unfit {
    fn from(code: ViolationCode) -> Self {
        Self::Code(code)
    }
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

const MILLIS_PER_DAY: i64 = 86_400_000;
/// Digits of the greatest whole number of 64 bits.
const UNSIGNED_DIGITS: u8 = 20;

/// Whether a column of an Arrow type may hold values of a property's type.
pub(super) fn takes(data_type: DataType, arrow: &ArrowType) -> bool {
    let is_decimal = matches!(
        arrow,
        ArrowType::Decimal32(..) | ArrowType::Decimal64(..) | ArrowType::Decimal128(..) | ArrowType::Decimal256(..)
    );
    matches!(arrow, ArrowType::Null)
        || match data_type {
            DataType::String | DataType::Object | DataType::Array => is_text(arrow),
            DataType::Integer => arrow.is_integer(),
            DataType::Number => arrow.is_integer() || arrow.is_floating(),
            DataType::Decimal { .. } => arrow.is_integer() || is_decimal || is_text(arrow),
            DataType::Boolean => matches!(arrow, ArrowType::Boolean),
            DataType::Date => matches!(arrow, ArrowType::Date32 | ArrowType::Date64) || is_text(arrow),
            DataType::Time => matches!(arrow, ArrowType::Time32(_) | ArrowType::Time64(_)) || is_text(arrow),
            DataType::Datetime => matches!(arrow, ArrowType::Timestamp(..)) || is_text(arrow),
            DataType::Uuid => matches!(arrow, ArrowType::FixedSizeBinary(16)) || is_text(arrow),
        }
}

/// Whether an Arrow type holds text, perhaps by way of a dictionary.
pub(super) fn is_text(arrow: &ArrowType) -> bool {
    match arrow {
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => true,
        ArrowType::Dictionary(_, values) => !matches!(**values, ArrowType::Dictionary(..)) && is_text(values),
        _ => false,
    }
}

/// The Arrow types that a property takes, for a person. Text is `Utf8`, `LargeUtf8`, `Utf8View` or a dictionary of one.
pub(super) fn accepted_types(data_type: DataType) -> &'static str {
    match data_type {
        DataType::String => "Utf8, LargeUtf8, Utf8View or a dictionary of one of them",
        DataType::Integer => "Int8 to Int64 or UInt8 to UInt64",
        DataType::Number => "Float16 to Float64 or whole numbers",
        DataType::Decimal { .. } => "Decimal32 to Decimal256, whole numbers or text",
        DataType::Boolean => "Boolean",
        DataType::Date => "Date32, Date64 or text",
        DataType::Time => "Time32, Time64 or text",
        DataType::Datetime => "Timestamp or text",
        DataType::Uuid => "FixedSizeBinary(16) or text",
        DataType::Object | DataType::Array => "JSON as Utf8, LargeUtf8, Utf8View or a dictionary of one of them",
    }
}

/// The type that columns of an Arrow type are best tried as, of those of a kind; none where that is not worth it.
pub(super) fn proposed(data_type: DataType, arrow: &ArrowType) -> Option<DataType> {
    use ArrowType as A;
    let is_proposed = match data_type {
        DataType::String => is_text(arrow) || *arrow == A::Null,
        DataType::Integer => arrow.is_integer(),
        DataType::Number => arrow.is_floating(),
        DataType::Decimal { .. } => return proposed_decimal(arrow),
        DataType::Boolean => *arrow == A::Boolean,
        DataType::Date => matches!(arrow, A::Date32 | A::Date64) || is_text(arrow),
        DataType::Time => matches!(arrow, A::Time32(_) | A::Time64(_)) || is_text(arrow),
        DataType::Datetime => matches!(arrow, A::Timestamp(..)) || is_text(arrow),
        DataType::Uuid => matches!(arrow, A::FixedSizeBinary(16)) || is_text(arrow),
        DataType::Object | DataType::Array => is_text(arrow),
    };
    is_proposed.then_some(data_type)
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
pub(super) fn widened(data_type: DataType, column: &ArrayRef) -> Result<Option<ArrayRef>, ReadError> {
    let found = column.data_type();
    let target = data_type.arrow_type();
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

/// Takes the values of one property row by row: checks them, appends them, and reports those that fail.
#[derive(Debug)]
pub(crate) struct ValueSink<'r, 's, 'p> {
    pub(crate) check: &'r mut RecordCheck<'s>,
    pub(crate) report: &'p mut BatchReport,
    /// The place of the property.
    pub(crate) index: usize,
    pub(crate) column: ColumnBuilder,
}

impl ValueSink<'_, '_, '_> {
    /// Takes a value that has the property's type, or the reason why it cannot have.
    pub(crate) fn typed(&mut self, row: usize, value: Read<'_>) {
        let kept = match value {
            Ok(value) => self.check.typed_value(self.index, value),
            Err(Unfit::Code(code)) => {
                self.check.note_unfit(self.index, code);
                None
            }
            Err(Unfit::Refusal((code, detail))) => {
                self.check.note(self.check.pointer(Slot::Property(self.index)), code, detail);
                None
            }
        };
        self.keep(row, kept);
    }

    /// Takes a token, as a document holds it.
    pub(crate) fn token(&mut self, row: usize, token: Incoming<'_>) {
        let kept = self.check.value(Slot::Property(self.index), token);
        self.keep(row, kept);
    }

    /// Takes text that should be JSON.
    pub(crate) fn json(&mut self, row: usize, text: &str) {
        let kept = self.check.json_text(self.index, text);
        self.keep(row, kept);
    }

    fn keep(&mut self, row: usize, kept: Option<ValueRef<'_>>) {
        if let Some(value) = kept {
            self.column.append(value);
        } else {
            self.column.append(ValueRef::Null);
            self.report.refuse(row, self.check.abandon());
        }
    }

    fn primitive<T: ArrowPrimitiveType>(&mut self, column: &ArrayRef, read: impl Fn(T::Native) -> Read<'static>) {
        for (row, value) in column.as_primitive::<T>().iter().enumerate() {
            self.typed(row, value.map_or(Ok(ValueRef::Null), &read));
        }
    }
}

/// Reads a column of any type but text. A type that the plan does not let through gives nulls.
pub(super) fn read(property: &Property, column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) -> Result<(), ReadError> {
    let dialect = property.dialect.as_deref();
    if column.data_type().is_integer() && dialect_takes_integers(property) {
        return read_tokens(column, sink);
    }
    match property.data_type {
        DataType::Integer if *column.data_type() == ArrowType::UInt64 => {
            sink.primitive::<UInt64Type>(column, |value| {
                i64::try_from(value).map(ValueRef::Integer).map_err(|_| ViolationCode::OutOfRange.into())
            });
        }
        DataType::Decimal { precision, scale } => read_decimals(precision, scale, column, sink),
        DataType::Date if *column.data_type() == ArrowType::Date64 => {
            sink.primitive::<Date64Type>(column, |millis| {
                let days = i32::try_from(millis.div_euclid(MILLIS_PER_DAY)).map_err(|_| ViolationCode::InvalidValue)?;
                let is_whole = millis % MILLIS_PER_DAY == 0;
                if is_whole { within(ValueRef::Date(days)) } else { Err(ViolationCode::InvalidValue.into()) }
            });
        }
        DataType::Time => read_times(column, dialect, sink),
        DataType::Datetime => read_datetimes(column, dialect, sink),
        DataType::String
        | DataType::Integer
        | DataType::Number
        | DataType::Boolean
        | DataType::Date
        | DataType::Uuid
        | DataType::Object
        | DataType::Array => read_own(property.data_type, column, sink),
    }
    Ok(())
}

/// Whether the dialect of a property reads whole numbers that its type does not take.
fn dialect_takes_integers(property: &Property) -> bool {
    property.data_type.family() != Family::Number && property.needs_digits()
}

/// Whether the dialect of a property reads columns of an Arrow type that its type does not take: what it reads as text
/// it reads as a column of text.
pub(super) fn dialect_takes(property: &Property, arrow: &ArrowType) -> bool {
    property.dialect.is_some() && (is_text(arrow) || (arrow.is_integer() && dialect_takes_integers(property)))
}

/// Reads whole numbers as a document would hold them.
fn read_tokens(column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) -> Result<(), ReadError> {
    if *column.data_type() == ArrowType::UInt64 {
        for (row, value) in column.as_primitive::<UInt64Type>().iter().enumerate() {
            let token = |value| i64::try_from(value).map_or(Incoming::Unsigned(value), Incoming::Integer);
            sink.token(row, value.map_or(Incoming::Null, token));
        }
        return Ok(());
    }
    let widest = cast(column, &ArrowType::Int64)?;
    for (row, value) in widest.as_primitive::<Int64Type>().iter().enumerate() {
        sink.token(row, value.map_or(Incoming::Null, Incoming::Integer));
    }
    Ok(())
}

/// Reads a column of the type's own Arrow type.
fn read_own(data_type: DataType, column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) {
    let own = Column::of(column, data_type);
    (0..column.len()).for_each(|row| sink.typed(row, within(own.value(row))));
}

fn read_times(column: &ArrayRef, dialect: Option<&Dialect>, sink: &mut ValueSink<'_, '_, '_>) {
    match column.data_type() {
        ArrowType::Time32(TimeUnit::Second) => {
            sink.primitive::<Time32SecondType>(column, |value| time(i64::from(value) * 1_000_000));
        }
        ArrowType::Time32(_) => {
            sink.primitive::<Time32MillisecondType>(column, |value| time(i64::from(value) * 1_000));
        }
        ArrowType::Time64(TimeUnit::Nanosecond) => {
            sink.primitive::<Time64NanosecondType>(column, |nanos| whole_micros(nanos, dialect).and_then(time));
        }
        _ => read_own(DataType::Time, column, sink),
    }
}

fn read_datetimes(column: &ArrayRef, dialect: Option<&Dialect>, sink: &mut ValueSink<'_, '_, '_>) {
    let local = dialect.filter(|_| matches!(column.data_type(), ArrowType::Timestamp(_, None)));
    let instant = |micros: i64| match local {
        None => within(ValueRef::Datetime(micros)),
        Some(dialect) => within(ValueRef::Datetime(dialect.instant(micros)?)),
    };
    let scaled = |value: i64, micros: i64| value.checked_mul(micros).ok_or(ViolationCode::InvalidValue.into());
    match column.data_type() {
        ArrowType::Timestamp(TimeUnit::Second, _) => {
            sink.primitive::<TimestampSecondType>(column, |value| scaled(value, 1_000_000).and_then(instant));
        }
        ArrowType::Timestamp(TimeUnit::Millisecond, _) => {
            sink.primitive::<TimestampMillisecondType>(column, |value| scaled(value, 1_000).and_then(instant));
        }
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
            sink.primitive::<TimestampMicrosecondType>(column, instant);
        }
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
            sink.primitive::<TimestampNanosecondType>(column, |nanos| whole_micros(nanos, dialect).and_then(instant));
        }
        _ => read_own(DataType::Datetime, column, sink),
    }
}

/// A value of a property's own type, if it is within the bounds of that.
fn within(value: ValueRef<'_>) -> Read<'_> {
    if value.is_in_range() {
        return Ok(value);
    }
    let is_number = matches!(value, ValueRef::Number(_));
    Err(if is_number { ViolationCode::OutOfRange.into() } else { ViolationCode::InvalidValue.into() })
}

fn read_decimals(precision: u8, scale: u8, column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) {
    use ArrowType as A;
    let rescale = |value: i128, from: i8| {
        let value = rescaled(value, from, scale).filter(|value| has_digits(*value, precision));
        value.map(ValueRef::Decimal).ok_or(ViolationCode::OutOfRange.into())
    };
    let whole = |value: i128| rescale(value, 0);
    match column.data_type() {
        A::Int8 => sink.primitive::<Int8Type>(column, |value| whole(value.into())),
        A::Int16 => sink.primitive::<Int16Type>(column, |value| whole(value.into())),
        A::Int32 => sink.primitive::<Int32Type>(column, |value| whole(value.into())),
        A::Int64 => sink.primitive::<Int64Type>(column, |value| whole(value.into())),
        A::UInt8 => sink.primitive::<UInt8Type>(column, |value| whole(value.into())),
        A::UInt16 => sink.primitive::<UInt16Type>(column, |value| whole(value.into())),
        A::UInt32 => sink.primitive::<UInt32Type>(column, |value| whole(value.into())),
        A::UInt64 => sink.primitive::<UInt64Type>(column, |value| whole(value.into())),
        A::Decimal32(_, from) => sink.primitive::<Decimal32Type>(column, |value| rescale(value.into(), *from)),
        A::Decimal64(_, from) => sink.primitive::<Decimal64Type>(column, |value| rescale(value.into(), *from)),
        A::Decimal128(_, from) => sink.primitive::<Decimal128Type>(column, |value| rescale(value, *from)),
        A::Decimal256(_, from) => sink.primitive::<Decimal256Type>(column, |value| {
            let value = rescaled_wide(value, *from, scale).filter(|value| has_digits(*value, precision));
            value.map(ValueRef::Decimal).ok_or(ViolationCode::OutOfRange.into())
        }),
        _ => (0..column.len()).for_each(|row| sink.typed(row, Ok(ValueRef::Null))),
    }
}

/// Whether an unscaled decimal has at most `precision` digits.
pub(crate) fn has_digits(unscaled: i128, precision: u8) -> bool {
    10_u128.checked_pow(u32::from(precision)).is_none_or(|limit| unscaled.unsigned_abs() < limit)
}

/// The digits of a decimal at another scale; `None` when it does not fit or digits would be lost.
fn rescaled(value: i128, from: i8, to: u8) -> Option<i128> {
    let difference = i32::from(to) - i32::from(from);
    let power = 10_i128.checked_pow(difference.unsigned_abs());
    match power {
        _ if value == 0 => Some(0),
        Some(power) if difference >= 0 => value.checked_mul(power),
        Some(power) => (value % power == 0).then(|| value / power),
        None => None,
    }
}

fn rescaled_wide(value: i256, from: i8, to: u8) -> Option<i128> {
    if let Some(value) = value.to_i128() {
        return rescaled(value, from, to);
    }
    // More than 38 digits: only trailing zeros can make it fit.
    let excess = u32::try_from(i32::from(from) - i32::from(to)).ok()?;
    let power = i256::from_i128(10).checked_pow(excess)?;
    let (quotient, remainder) = (value.checked_div(power)?, value.checked_rem(power)?);
    if remainder == i256::ZERO { quotient.to_i128() } else { None }
}

fn time(micros: i64) -> Read<'static> {
    within(ValueRef::Time(micros))
}

/// Nanoseconds as microseconds, where nothing is lost that should not be.
fn whole_micros(nanos: i64, dialect: Option<&Dialect>) -> Result<i64, Unfit> {
    if nanos % 1_000 == 0 || dialect.is_some_and(|dialect| dialect.truncates) {
        Ok(nanos.div_euclid(1_000))
    } else {
        Err(Unfit::Refusal((ViolationCode::InvalidValue, TOO_FINE.to_owned())))
    }
}
