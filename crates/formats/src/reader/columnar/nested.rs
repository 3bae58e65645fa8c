//! Lists, structs, maps and unions as JSON text.
//!
//! The writers of `arrow-json` are not used here: they write NaN as null and bytes as hexadecimal digits, and have no
//! way to say that a value has no form.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, OffsetSizeTrait, StructArray};
use arrow_buffer::ArrowNativeType;
use arrow_schema::{DataType as ArrowType, Field, TimeUnit};
use eider_domain::{JsonFault, ViolationCode, temporal};
use serde::de::IgnoredAny;

use super::plain::{keys, runs};
use super::scalar::{nanos_of, write_datetime, write_time, writer_of};
use super::shape::{Extension, is_text};

/// Bytes after which a pointer to a value has no more tokens.
const MAX_POINTER_BYTES: usize = 1_024;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// JSON text that may have so many bytes and no more.
#[derive(Debug)]
pub(super) struct JsonText {
    pub(super) text: Vec<u8>,
    pub(super) room: usize,
}

/// Why a value has no JSON text.
#[derive(Debug)]
pub(super) enum NoText {
    /// It has more bytes than there is room for.
    TooLong,
    /// A value within has no form.
    Fault(JsonFault),
}

type Written = Result<(), NoText>;

/// Appends the value of a row, a null too.
pub(super) type Write<'a> = Box<dyn Fn(usize, &mut JsonText) -> Written + 'a>;

impl JsonText {
    fn push(&mut self, bytes: &[u8]) -> Written {
        if bytes.len() > self.room.saturating_sub(self.text.len()) {
            return Err(NoText::TooLong);
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    fn string(&mut self, text: &str) -> Written {
        if text.len() > self.room.saturating_sub(self.text.len()) {
            return Err(NoText::TooLong);
        }
        // Writing to a vector cannot fail.
        let _ = serde_json::to_writer(&mut self.text, text);
        if self.text.len() > self.room { Err(NoText::TooLong) } else { Ok(()) }
    }

    /// Appends what needs no escapes between quotes.
    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Written {
        self.text.push(b'"');
        write(&mut self.text);
        self.text.push(b'"');
        if self.text.len() > self.room { Err(NoText::TooLong) } else { Ok(()) }
    }
}

impl NoText {
    fn fault(code: ViolationCode, detail: &str) -> Self {
        Self::Fault(JsonFault { pointer: String::new(), code, detail: detail.to_owned() })
    }

    /// The same, of a value that holds the faulty one at a place.
    fn within(self, token: &str) -> Self {
        match self {
            Self::Fault(JsonFault { mut pointer, code, detail }) => {
                let token = token.replace('~', "~0").replace('/', "~1");
                if pointer.len() + token.len() < MAX_POINTER_BYTES {
                    pointer.insert_str(0, &token);
                    pointer.insert(0, '/');
                } else {
                    pointer.clear();
                }
                Self::Fault(JsonFault { pointer, code, detail })
            }
            Self::TooLong => Self::TooLong,
        }
    }
}

/// What writes the values of an array of a type that has a form in JSON: [`super::shape::check_json`].
pub(super) fn writer(array: &dyn Array, extension: Extension) -> Write<'_> {
    let write = of_values(array, extension);
    match array.nulls() {
        None => write,
        Some(nulls) => Box::new(move |row, out| if nulls.is_null(row) { out.push(b"null") } else { write(row, out) }),
    }
}

fn of_field<'a>(field: &Field, array: &'a ArrayRef) -> Write<'a> {
    writer(array, Extension::of(field))
}

fn of_values(array: &dyn Array, extension: Extension) -> Write<'_> {
    use ArrowType as A;
    match array.data_type() {
        A::Boolean => {
            let values = array.as_boolean();
            Box::new(|row, out| out.push(if values.value(row) { b"true" } else { b"false" }))
        }
        A::List(item) => list::<i32>(array, item),
        A::LargeList(item) => list::<i64>(array, item),
        A::ListView(item) => list_view::<i32>(array, item),
        A::LargeListView(item) => list_view::<i64>(array, item),
        A::FixedSizeList(item, length) => {
            let (item, length) = (of_field(item, array.as_fixed_size_list().values()), length.as_usize());
            Box::new(move |row, out| elements(row * length..(row + 1) * length, &item, out))
        }
        A::Struct(_) => of_struct(array.as_struct()),
        A::Map(..) => map(array),
        A::Dictionary(..) => {
            let (values, key) = keys(array);
            let write = writer(values, extension);
            Box::new(move |row, out| match key(row) {
                Some(key) => write(key, out),
                None => out.push(b"null"),
            })
        }
        A::RunEndEncoded(_, field) => match runs(array) {
            Some((values, place)) => {
                let write = writer(values, extension.within(field));
                Box::new(move |row, out| write(place(row), out))
            }
            None => nothing(),
        },
        A::Union(variants, _) => {
            let union = array.as_union();
            let writers = variants.iter().map(|(id, field)| (id, of_field(field, union.child(id))));
            let writers: Vec<(i8, Write<'_>)> = writers.collect();
            Box::new(move |row, out| {
                let id = union.type_id(row);
                match writers.iter().find(|(known, _)| *known == id) {
                    Some((_, write)) => write(union.value_offset(row), out),
                    None => out.push(b"null"),
                }
            })
        }
        _ => of_scalars(array, extension),
    }
}

fn of_scalars(array: &dyn Array, extension: Extension) -> Write<'_> {
    use ArrowType as A;
    macro_rules! integers {
        ($($variant:ident => $type:ident),*) => {
            match array.data_type() {
                $(A::$variant => {
                    let values = array.as_primitive::<$type>();
                    return Box::new(|row, out| out.push(itoa::Buffer::new().format(values.value(row)).as_bytes()));
                })*
                _ => {}
            }
        };
    }
    integers!(
        Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type
    );
    match array.data_type() {
        A::Float16 => floats::<Float16Type>(array),
        A::Float32 => floats::<Float32Type>(array),
        A::Float64 => floats::<Float64Type>(array),
        A::Decimal32(..) => decimals::<Decimal32Type>(array),
        A::Decimal64(..) => decimals::<Decimal64Type>(array),
        A::Decimal128(..) => decimals::<Decimal128Type>(array),
        A::Decimal256(..) => decimals::<Decimal256Type>(array),
        A::Date32 => times::<Date32Type>(array, |days, out| date(i64::from(days), out)),
        A::Date64 => times::<Date64Type>(array, |millis, out| {
            millis % MILLIS_PER_DAY == 0 && date(millis.div_euclid(MILLIS_PER_DAY), out)
        }),
        A::Time32(TimeUnit::Second) => {
            times::<Time32SecondType>(array, |time, out| of_day(time, TimeUnit::Second, out))
        }
        A::Time32(_) => times::<Time32MillisecondType>(array, |time, out| of_day(time, TimeUnit::Millisecond, out)),
        A::Time64(TimeUnit::Nanosecond) => {
            times::<Time64NanosecondType>(array, |time, out| of_day(time, TimeUnit::Nanosecond, out))
        }
        A::Time64(_) => times::<Time64MicrosecondType>(array, |time, out| of_day(time, TimeUnit::Microsecond, out)),
        A::Timestamp(unit, zone) => {
            let (unit, has_zone) = (*unit, zone.is_some());
            let write = move |value, out: &mut Vec<u8>| write_datetime(value, unit, has_zone, out);
            match unit {
                TimeUnit::Second => times::<TimestampSecondType>(array, write),
                TimeUnit::Millisecond => times::<TimestampMillisecondType>(array, write),
                TimeUnit::Microsecond => times::<TimestampMicrosecondType>(array, write),
                TimeUnit::Nanosecond => times::<TimestampNanosecondType>(array, write),
            }
        }
        text if is_text(text) => texts(array, extension),
        _ => match writer_of(array, extension == Extension::Uuid) {
            Some(write) => Box::new(move |row, out| out.quoted(|text| write(row, text))),
            None => nothing(),
        },
    }
}

/// Nulls, and what [`super::shape::check_json`] has kept out.
fn nothing<'a>() -> Write<'a> {
    Box::new(|_, out| out.push(b"null"))
}

fn floats<T: ArrowPrimitiveType<Native: Into<f64>>>(array: &dyn Array) -> Write<'_> {
    let values = array.as_primitive::<T>();
    Box::new(|row, out| {
        let value: f64 = values.value(row).into();
        if value.is_finite() {
            return out.push(zmij::Buffer::new().format_finite(value).as_bytes());
        }
        Err(NoText::fault(ViolationCode::OutOfRange, "NaN and infinite numbers have no form in JSON"))
    })
}

fn decimals<T: DecimalType>(array: &dyn Array) -> Write<'_> {
    let values = array.as_primitive::<T>();
    Box::new(|row, out| out.quoted(|text| text.extend_from_slice(values.value_as_string(row).as_bytes())))
}

fn times<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    write: impl Fn(T::Native, &mut Vec<u8>) -> bool + 'a,
) -> Write<'a> {
    let values = array.as_primitive::<T>();
    Box::new(move |row, out| {
        let mut is_written = true;
        out.quoted(|text| is_written = write(values.value(row), text))?;
        if is_written {
            return Ok(());
        }
        Err(NoText::fault(ViolationCode::InvalidValue, "the value is no date or time of the years 0000 to 9999"))
    })
}

fn date(days: i64, out: &mut Vec<u8>) -> bool {
    let days = i32::try_from(days).ok().filter(|days| temporal::is_date_in_range(*days));
    days.inspect(|days| temporal::write_date(out, *days)).is_some()
}

fn of_day(time: impl Into<i64>, unit: TimeUnit, out: &mut Vec<u8>) -> bool {
    time.into().checked_mul(nanos_of(unit)).is_some_and(|nanos| write_time(nanos, out))
}

fn texts<'a>(array: &'a dyn Array, extension: Extension) -> Write<'a> {
    let text: Box<dyn Fn(usize) -> &'a str + 'a> = match array.data_type() {
        ArrowType::Utf8 => Box::new(|row| array.as_string::<i32>().value(row)),
        ArrowType::LargeUtf8 => Box::new(|row| array.as_string::<i64>().value(row)),
        _ => Box::new(|row| array.as_string_view().value(row)),
    };
    if extension != Extension::Json {
        return Box::new(move |row, out| out.string(text(row)));
    }
    Box::new(move |row, out| match serde_json::from_str::<IgnoredAny>(text(row)) {
        Ok(IgnoredAny) => out.push(text(row).as_bytes()),
        Err(_) => {
            Err(NoText::fault(ViolationCode::InvalidValue, "expected JSON, which the type of the column promises"))
        }
    })
}

fn list<'a, O: OffsetSizeTrait>(array: &'a dyn Array, item: &Field) -> Write<'a> {
    let lists = array.as_list::<O>();
    let (write, offsets) = (of_field(item, lists.values()), lists.offsets());
    Box::new(move |row, out| elements(offsets[row].as_usize()..offsets[row + 1].as_usize(), &write, out))
}

fn list_view<'a, O: OffsetSizeTrait>(array: &'a dyn Array, item: &Field) -> Write<'a> {
    let lists = array.as_list_view::<O>();
    let write = of_field(item, lists.values());
    Box::new(move |row, out| {
        let start = lists.value_offset(row).as_usize();
        elements(start..start + lists.value_size(row).as_usize(), &write, out)
    })
}

fn elements(rows: std::ops::Range<usize>, write: &Write<'_>, out: &mut JsonText) -> Written {
    out.push(b"[")?;
    for (place, row) in rows.enumerate() {
        if place > 0 {
            out.push(b",")?;
        }
        write(row, out).map_err(|why| why.within(&place.to_string()))?;
    }
    out.push(b"]")
}

fn of_struct(array: &StructArray) -> Write<'_> {
    // A text is always written.
    let key = |field: &Field| serde_json::to_string(field.name()).unwrap_or_default() + ":";
    let members = array.fields().iter().zip(array.columns());
    let members = members.map(|(field, column)| (field.name(), key(field), of_field(field, column)));
    let members: Vec<(&String, String, Write<'_>)> = members.collect();
    Box::new(move |row, out| {
        for (place, (name, key, write)) in members.iter().enumerate() {
            out.push(if place == 0 { b"{" } else { b"," })?;
            out.push(key.as_bytes())?;
            write(row, out).map_err(|why| why.within(name))?;
        }
        out.push(if members.is_empty() { b"{}" } else { b"}" })
    })
}

/// Keys are the text of their values.
fn map(array: &dyn Array) -> Write<'_> {
    let maps = array.as_map();
    let ArrowType::Struct(fields) = maps.entries().data_type() else { return nothing() };
    let [key, value] = fields.as_ref() else { return nothing() };
    let (key, value) = (of_field(key, maps.keys()), of_field(value, maps.values()));
    let offsets = maps.offsets();
    Box::new(move |row, out| {
        out.push(b"{")?;
        for entry in offsets[row].as_usize()..offsets[row + 1].as_usize() {
            if entry > offsets[row].as_usize() {
                out.push(b",")?;
            }
            let start = out.text.len();
            key(entry, out)?;
            match out.text.get(start) {
                Some(b'"') => {}
                Some(b'n') => return Err(NoText::fault(ViolationCode::InvalidValue, "a key of a map is null")),
                _ => {
                    out.text.insert(start, b'"');
                    out.push(b"\"")?;
                }
            }
            let end = out.text.len();
            out.push(b":")?;
            value(entry, out).map_err(|why| match std::str::from_utf8(&out.text[start + 1..end - 1]) {
                Ok(name) => why.within(name),
                Err(_) => why,
            })?;
        }
        out.push(b"}")
    })
}
