//! Values of Arrow columns that have to be looked at one by one.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64NanosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::i256;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use eider_domain::{DataType, Incoming, RecordCheck, ValueRef, ViolationCode, temporal};

use super::report::BatchReport;
use crate::column::{Column, ColumnBuilder};

/// A value of a property's type, or why there is none.
type Read<'a> = Result<ValueRef<'a>, ViolationCode>;

const MILLIS_PER_DAY: i64 = 86_400_000;

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
            Err(code) => {
                self.check.note_unfit(self.index, code);
                None
            }
        };
        self.keep(row, kept);
    }

    /// Takes a token, as a document holds it.
    pub(crate) fn token(&mut self, row: usize, token: Incoming<'_>) {
        let kept = self.check.value(eider_domain::Slot::Property(self.index), token);
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
pub(super) fn read(data_type: DataType, column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) {
    use ArrowType as A;
    match (data_type, column.data_type()) {
        (DataType::Integer, A::UInt64) => sink.primitive::<UInt64Type>(column, |value| {
            i64::try_from(value).map(ValueRef::Integer).map_err(|_| ViolationCode::OutOfRange)
        }),
        (DataType::Decimal { precision, scale }, _) => read_decimals(precision, scale, column, sink),
        (DataType::Date, A::Date64) => sink.primitive::<Date64Type>(column, |millis| {
            let days = i32::try_from(millis.div_euclid(MILLIS_PER_DAY)).map_err(|_| ViolationCode::InvalidValue)?;
            if millis % MILLIS_PER_DAY == 0 { within(ValueRef::Date(days)) } else { Err(ViolationCode::InvalidValue) }
        }),
        (DataType::Time, A::Time32(TimeUnit::Second)) => {
            sink.primitive::<Time32SecondType>(column, |value| time(i64::from(value) * 1_000_000));
        }
        (DataType::Time, A::Time32(_)) => {
            sink.primitive::<Time32MillisecondType>(column, |value| time(i64::from(value) * 1_000));
        }
        (DataType::Time, A::Time64(TimeUnit::Nanosecond)) => {
            sink.primitive::<Time64NanosecondType>(column, |nanos| whole_micros(nanos).and_then(time));
        }
        (DataType::Datetime, A::Timestamp(TimeUnit::Second, _)) => {
            sink.primitive::<TimestampSecondType>(column, |value| scaled(value, 1_000_000));
        }
        (DataType::Datetime, A::Timestamp(TimeUnit::Millisecond, _)) => {
            sink.primitive::<TimestampMillisecondType>(column, |value| scaled(value, 1_000));
        }
        (DataType::Datetime, A::Timestamp(TimeUnit::Nanosecond, _)) => {
            sink.primitive::<TimestampNanosecondType>(column, |nanos| whole_micros(nanos).and_then(datetime));
        }
        // The property's own type.
        _ => {
            let own = Column::of(column, false);
            (0..column.len()).for_each(|row| sink.typed(row, within(own.value(row))));
        }
    }
}

/// A value of a property's own type, if it is within the bounds of that.
fn within(value: ValueRef<'_>) -> Read<'_> {
    let is_within = match value {
        ValueRef::Number(number) if !number.is_finite() => return Err(ViolationCode::OutOfRange),
        ValueRef::Date(days) => temporal::is_date_in_range(days),
        ValueRef::Time(micros) => temporal::is_time_in_range(micros),
        ValueRef::Datetime(micros) => temporal::is_in_range(micros),
        _ => true,
    };
    if is_within { Ok(value) } else { Err(ViolationCode::InvalidValue) }
}

fn read_decimals(precision: u8, scale: u8, column: &ArrayRef, sink: &mut ValueSink<'_, '_, '_>) {
    use ArrowType as A;
    let rescale = |value: i128, from: i8| {
        let value = rescaled(value, from, scale).filter(|value| has_digits(*value, precision));
        value.map(ValueRef::Decimal).ok_or(ViolationCode::OutOfRange)
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
            value.map(ValueRef::Decimal).ok_or(ViolationCode::OutOfRange)
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

fn datetime(micros: i64) -> Read<'static> {
    within(ValueRef::Datetime(micros))
}

fn scaled(value: i64, micros: i64) -> Read<'static> {
    value.checked_mul(micros).ok_or(ViolationCode::InvalidValue).and_then(datetime)
}

/// Nanoseconds as microseconds, where nothing is lost.
fn whole_micros(nanos: i64) -> Result<i64, ViolationCode> {
    if nanos % 1_000 == 0 { Ok(nanos / 1_000) } else { Err(ViolationCode::InvalidValue) }
}
