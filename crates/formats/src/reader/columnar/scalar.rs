//! The text of values that no property holds as they are: bytes, durations, intervals, times of a nanosecond.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType as ArrowType, IntervalUnit, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eider_domain::temporal;
use uuid::Uuid;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Appends the text of the value of a row, which has one.
pub(super) type WriteText<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

/// Nanoseconds of a unit.
pub(super) fn nanos_of(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// What writes the texts of a column of bytes, durations or intervals; `None` of one of another type.
pub(super) fn writer_of(column: &dyn Array, is_uuid: bool) -> Option<WriteText<'_>> {
    use ArrowType as A;
    Some(match column.data_type() {
        A::FixedSizeBinary(16) if is_uuid => {
            let bytes = column.as_fixed_size_binary();
            Box::new(move |row, out| {
                let uuid = Uuid::from_slice(bytes.value(row)).unwrap_or_default();
                out.extend_from_slice(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
            })
        }
        A::Duration(unit) => {
            let (counts, nanos) = (durations(column, *unit), i128::from(nanos_of(*unit)));
            Box::new(move |row, out| {
                out.extend_from_slice(b"P");
                write_seconds(i128::from(counts(row)) * nanos, out);
            })
        }
        A::Interval(unit) => intervals(column, *unit),
        _ => {
            let bytes = bytes_of(column)?;
            Box::new(move |row, out| write_base64(bytes(row), out))
        }
    })
}

/// What finds the bytes of a row of a column of bytes.
pub(super) fn bytes_of<'a>(column: &'a dyn Array) -> Option<Box<dyn Fn(usize) -> &'a [u8] + 'a>> {
    use ArrowType as A;
    Some(match column.data_type() {
        A::Binary => Box::new(|row| column.as_binary::<i32>().value(row)),
        A::LargeBinary => Box::new(|row| column.as_binary::<i64>().value(row)),
        A::BinaryView => Box::new(|row| column.as_binary_view().value(row)),
        A::FixedSizeBinary(_) => Box::new(|row| column.as_fixed_size_binary().value(row)),
        _ => return None,
    })
}

/// What finds the count of a row of a column of durations.
pub(super) fn durations(column: &dyn Array, unit: TimeUnit) -> Box<dyn Fn(usize) -> i64 + '_> {
    fn of<T: ArrowPrimitiveType<Native = i64>>(column: &dyn Array) -> Box<dyn Fn(usize) -> i64 + '_> {
        let counts = column.as_primitive::<T>();
        Box::new(|row| counts.value(row))
    }
    match unit {
        TimeUnit::Second => of::<DurationSecondType>(column),
        TimeUnit::Millisecond => of::<DurationMillisecondType>(column),
        TimeUnit::Microsecond => of::<DurationMicrosecondType>(column),
        TimeUnit::Nanosecond => of::<DurationNanosecondType>(column),
    }
}

fn intervals(column: &dyn Array, unit: IntervalUnit) -> WriteText<'_> {
    match unit {
        IntervalUnit::YearMonth => {
            let months = column.as_primitive::<IntervalYearMonthType>();
            Box::new(|row, out| write_interval(months.value(row), 0, 0, out))
        }
        IntervalUnit::DayTime => {
            let days = column.as_primitive::<IntervalDayTimeType>();
            Box::new(|row, out| {
                let value = days.value(row);
                write_interval(0, value.days, i64::from(value.milliseconds) * 1_000_000, out);
            })
        }
        IntervalUnit::MonthDayNano => {
            let parts = column.as_primitive::<IntervalMonthDayNanoType>();
            Box::new(|row, out| {
                let value = parts.value(row);
                write_interval(value.months, value.days, value.nanoseconds, out);
            })
        }
    }
}

/// Appends ISO 8601, the parts as they are: a month has no number of days, and a day none of seconds.
fn write_interval(months: i32, days: i32, nanos: i64, out: &mut Vec<u8>) {
    out.push(b'P');
    for (count, sign) in [(months, b'M'), (days, b'D')] {
        if count != 0 {
            out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
            out.push(sign);
        }
    }
    if nanos != 0 || (months, days) == (0, 0) {
        write_seconds(nanos.into(), out);
    }
}

/// Appends `T…S`, with as many digits behind the point as there are.
fn write_seconds(nanos: i128, out: &mut Vec<u8>) {
    out.extend_from_slice(if nanos < 0 { b"T-" } else { b"T" });
    let nanos = nanos.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(nanos / NANOS_PER_SECOND).as_bytes());
    let fraction = format!("{:09}", nanos % NANOS_PER_SECOND);
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
    out.push(b'S');
}

/// Appends the base64 of RFC 4648, section 4, with padding.
pub(super) fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + base64_len(bytes.len()), 0);
    // There is room for every byte, so this cannot fail.
    let _ = STANDARD.encode_slice(bytes, &mut out[start..]);
}

/// Bytes of the base64 of so many bytes.
pub(super) fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

/// Appends a time of day in nanoseconds: six digits behind the point, or nine where there are parts of microseconds.
/// `false` of what is no time of day.
pub(super) fn write_time(nanos: i64, out: &mut Vec<u8>) -> bool {
    let micros = nanos.div_euclid(1_000);
    if !temporal::is_time_in_range(micros) {
        return false;
    }
    temporal::write_time(out, micros);
    write_parts(nanos, out);
    true
}

/// Appends an instant, or a time without a zone, that is so many units from 1970: `Z` stands for UTC. `false` of one
/// outside the years 0000 to 9999.
pub(super) fn write_datetime(value: i64, unit: TimeUnit, has_zone: bool, out: &mut Vec<u8>) -> bool {
    let nanos = i128::from(value) * i128::from(nanos_of(unit));
    let micros = i64::try_from(nanos.div_euclid(1_000)).ok().filter(|micros| temporal::is_in_range(*micros));
    let Some(micros) = micros else { return false };
    let text = temporal::datetime_text(micros);
    out.extend_from_slice(text.trim_end_matches('Z').as_bytes());
    if unit == TimeUnit::Nanosecond {
        write_parts(value, out);
    }
    if has_zone {
        out.push(b'Z');
    }
    true
}

/// Appends the three digits of the parts of a microsecond, where there are any.
fn write_parts(nanos: i64, out: &mut Vec<u8>) {
    let parts = nanos.rem_euclid(1_000);
    if parts != 0 {
        out.extend_from_slice(format!("{parts:03}").as_bytes());
    }
}

/// The same of a column that a property of the type `string` takes, with its nulls.
pub(super) fn texts_of(column: &ArrayRef, is_uuid: bool) -> Option<impl Iterator<Item = Option<String>> + '_> {
    let write = writer_of(column, is_uuid)?;
    Some((0..column.len()).map(move |row| {
        column.is_valid(row).then(|| {
            let mut text = Vec::new();
            write(row, &mut text);
            String::from_utf8(text).unwrap_or_default()
        })
    }))
}
