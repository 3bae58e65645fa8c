//! The values of one property, from a column of an Arrow type that it takes.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::i256;
use arrow_cast::cast;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use eider_domain::{
    DataType, Dialect, Incoming, JsonFault, Property, RecordCheck, Refusal, Slot, TOO_FINE, ValueRef, Violation,
    ViolationCode,
};
use uuid::Uuid;

use super::accepted::dialect_takes_integers;
use super::report::BatchReport;
use super::scalar::{bytes_of, durations};
use super::shape::is_decimal;
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

/// So many digits of any decimal survive in a double.
const DIGITS_OF_DOUBLE: u8 = 15;

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

    /// Takes JSON text, by its grammar, that was made of a nested value.
    pub(crate) fn nested(&mut self, row: usize, text: &str) {
        let kept = self.check.json_value(self.index, text);
        self.keep(row, kept);
    }

    /// Takes a nested value that has no JSON text.
    pub(crate) fn fault(&mut self, row: usize, fault: JsonFault) {
        let property = self.check.pointer(Slot::Property(self.index));
        self.check.note(format!("{property}{}", fault.pointer), fault.code, fault.detail);
        self.keep(row, None);
    }

    /// Takes no value, since the record is refused.
    pub(crate) fn refuse(&mut self, row: usize, violations: Vec<Violation>) {
        self.column.append(ValueRef::Null);
        self.report.refuse(row, violations);
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
        DataType::Integer => read_integers(column, sink),
        DataType::Number if is_decimal(column.data_type()) => {
            read_decimals(column, sink, |value, scale| double(value, scale).map(ValueRef::Number));
        }
        DataType::Decimal { precision, scale } => read_decimals(column, sink, |value, from| {
            let value = rescaled(value, from, scale).filter(|value| has_digits(*value, precision));
            value.map(ValueRef::Decimal)
        }),
        DataType::Date if *column.data_type() == ArrowType::Date64 => {
            sink.primitive::<Date64Type>(column, |millis| {
                let days = i32::try_from(millis.div_euclid(MILLIS_PER_DAY)).map_err(|_| ViolationCode::InvalidValue)?;
                let is_whole = millis % MILLIS_PER_DAY == 0;
                if is_whole { within(ValueRef::Date(days)) } else { Err(ViolationCode::InvalidValue.into()) }
            });
        }
        DataType::Time => read_times(column, dialect, sink),
        DataType::Datetime => read_datetimes(column, dialect, sink),
        DataType::Uuid => read_uuids(column, sink),
        DataType::String
        | DataType::Number
        | DataType::Boolean
        | DataType::Date
        | DataType::Object
        | DataType::Array => read_own(property.data_type, column, sink),
    }
    Ok(())
}

fn read_integers(column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) {
    match column.data_type() {
        ArrowType::UInt64 => sink.primitive::<UInt64Type>(column, |value| {
            i64::try_from(value).map(ValueRef::Integer).map_err(|_| ViolationCode::OutOfRange.into())
        }),
        ArrowType::Duration(unit) => {
            let count = durations(column, *unit);
            for row in 0..column.len() {
                sink.typed(row, Ok(if column.is_valid(row) { ValueRef::Integer(count(row)) } else { ValueRef::Null }));
            }
        }
        decimal if is_decimal(decimal) => read_decimals(column, sink, |value, scale| {
            let whole = rescaled(value, scale, 0).and_then(|whole| i64::try_from(whole).ok());
            whole.map(ValueRef::Integer)
        }),
        _ => read_own(DataType::Integer, column, sink),
    }
}

/// Reads UUIDs in columns of bytes, whatever their width is.
fn read_uuids(column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) {
    let Some(bytes) = bytes_of(column) else { return read_own(DataType::Uuid, column, sink) };
    for row in 0..column.len() {
        let uuid = column.is_valid(row).then(|| Uuid::from_slice(bytes(row)));
        let uuid = uuid.map_or(Ok(ValueRef::Null), |uuid| uuid.map(ValueRef::Uuid));
        sink.typed(row, uuid.map_err(|_| ViolationCode::InvalidValue.into()));
    }
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

/// Reads decimals and whole numbers: `read` makes a value of digits and their scale, if that loses nothing.
fn read_decimals(
    column: &ArrayRef,
    sink: &mut ValueSink<'_, '_, '_>,
    read: impl Fn(i128, i8) -> Option<ValueRef<'static>>,
) {
    use ArrowType as A;
    let scaled = |value: i128, scale: i8| read(value, scale).ok_or(ViolationCode::OutOfRange.into());
    let whole = |value: i128| scaled(value, 0);
    match column.data_type() {
        A::Int8 => sink.primitive::<Int8Type>(column, |value| whole(value.into())),
        A::Int16 => sink.primitive::<Int16Type>(column, |value| whole(value.into())),
        A::Int32 => sink.primitive::<Int32Type>(column, |value| whole(value.into())),
        A::Int64 => sink.primitive::<Int64Type>(column, |value| whole(value.into())),
        A::UInt8 => sink.primitive::<UInt8Type>(column, |value| whole(value.into())),
        A::UInt16 => sink.primitive::<UInt16Type>(column, |value| whole(value.into())),
        A::UInt32 => sink.primitive::<UInt32Type>(column, |value| whole(value.into())),
        A::UInt64 => sink.primitive::<UInt64Type>(column, |value| whole(value.into())),
        A::Decimal32(_, from) => sink.primitive::<Decimal32Type>(column, |value| scaled(value.into(), *from)),
        A::Decimal64(_, from) => sink.primitive::<Decimal64Type>(column, |value| scaled(value.into(), *from)),
        A::Decimal128(_, from) => sink.primitive::<Decimal128Type>(column, |value| scaled(value, *from)),
        A::Decimal256(_, from) => sink.primitive::<Decimal256Type>(column, |value| {
            let (value, scale) = narrowed(value, *from).ok_or(ViolationCode::OutOfRange)?;
            scaled(value, scale)
        }),
        _ => (0..column.len()).for_each(|row| sink.typed(row, Ok(ValueRef::Null))),
    }
}

/// A decimal of more than 38 digits without the zeros at its end, which alone can make it fit.
fn narrowed(mut value: i256, mut scale: i8) -> Option<(i128, i8)> {
    let ten = i256::from_i128(10);
    loop {
        if let Some(value) = value.to_i128() {
            return Some((value, scale));
        }
        if value.checked_rem(ten)? != i256::ZERO {
            return None;
        }
        (value, scale) = (value.checked_div(ten)?, scale.checked_sub(1)?);
    }
}

/// The double nearest to a decimal of up to 15 digits: such a decimal is the only one of its length that is nearest to
/// that double, so that nothing is lost.
fn double(mut value: i128, scale: i8) -> Option<f64> {
    let mut scale = i32::from(scale);
    while value != 0 && value % 10 == 0 {
        (value, scale) = (value / 10, scale - 1);
    }
    if !has_digits(value, DIGITS_OF_DOUBLE) {
        return None;
    }
    format!("{value}e{}", -scale).parse().ok().filter(|number: &f64| number.is_finite())
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
