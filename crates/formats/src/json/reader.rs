//! Reading one JSON record straight into typed values: no tree of objects in between.

use std::borrow::Cow;
use std::fmt;

use eider_domain::{DataType, Incoming, RecordCheck, Schema, Slot, ValueRef, Violation, ViolationCode};
use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::merge::merge_patch;
use super::writer::JsonForm;
use crate::column::TextForm;
use crate::reader::rows::RecordParser;

/// Reads a record, checks it, and leaves its values in `row`: one per property, null where it has none.
///
/// # Errors
/// Every violation of the record; `row` is then without meaning.
pub fn read_record<'de>(
    bytes: &'de [u8],
    schema: &'de Schema,
    check: &mut RecordCheck<'_>,
    row: &mut Vec<ValueRef<'de>>,
) -> Result<Option<Uuid>, Vec<Violation>> {
    row.clear();
    row.extend(schema.properties().iter().map(RecordCheck::missing_value));
    read(bytes, schema, check, row, false)
}

/// Reads records that are objects.
#[derive(Debug)]
pub(super) struct JsonParser;

impl RecordParser for JsonParser {
    fn parse<'de>(
        &self,
        record: &'de [u8],
        _line: u64,
        schema: &'de Schema,
        check: &mut RecordCheck<'_>,
        row: &mut Vec<ValueRef<'de>>,
    ) -> Result<Option<Uuid>, Vec<Violation>> {
        read_record(record, schema, check, row)
    }
}

/// Reads a merge patch (RFC 7396) over the values in `row`, one per property, and checks what it changes.
///
/// # Errors
/// Every violation of the patch; `row` is then without meaning.
pub fn read_patch<'de>(
    bytes: &'de [u8],
    schema: &'de Schema,
    check: &mut RecordCheck<'_>,
    row: &mut Vec<ValueRef<'de>>,
) -> Result<Option<Uuid>, Vec<Violation>> {
    read(bytes, schema, check, row, true)
}

fn read<'de>(
    bytes: &'de [u8],
    schema: &'de Schema,
    check: &mut RecordCheck<'_>,
    row: &mut Vec<ValueRef<'de>>,
    is_patch: bool,
) -> Result<Option<Uuid>, Vec<Violation>> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(vec![not_an_object(bytes)]);
    }
    check.begin(|name| has_member(bytes, name));
    let mut reader = MembersReader { schema, check, row, is_patch, id: None, current: None, lacks_digits: false };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let outcome = (&mut reader).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    let (id, current, lacks_digits) = (reader.id, reader.current, reader.lacks_digits);
    match outcome {
        Ok(()) if lacks_digits => {
            // Once more, which changes no value that was read: a merge patch may be applied twice.
            check.abandon();
            check.want_digits();
            read(bytes, schema, check, row, is_patch)
        }
        Ok(()) => {
            // What a patch does not name stays, so nothing is missing.
            let violations = if is_patch { check.abandon() } else { check.finish() };
            if violations.is_empty() { Ok(id) } else { Err(violations) }
        }
        Err(error) => {
            let pointer = current.map_or_else(String::new, |slot| check.pointer(slot));
            let (code, detail) = describe(&error);
            check.note(pointer, code, detail);
            Err(check.abandon())
        }
    }
}

/// Whether a record has a member of a name, without regard to case, if it is written as it is mostly.
fn has_member(record: &[u8], name: &str) -> bool {
    struct Wanted<'n>(&'n str);

    impl<'de> Visitor<'de> for Wanted<'_> {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a record")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut is_met = false;
            while let Some(key) = map.next_key::<Cow<'_, str>>()? {
                is_met |= key.eq_ignore_ascii_case(self.0);
                map.next_value::<IgnoredAny>()?;
            }
            Ok(is_met)
        }
    }

    let mut written = Vec::with_capacity(name.len() + 2);
    JsonForm::text(name, &mut written);
    let may_be_met = memmem::find(record, &written).is_some();
    may_be_met && serde_json::Deserializer::from_slice(record).deserialize_map(Wanted(name)).unwrap_or(false)
}

pub(super) fn not_an_object(bytes: &[u8]) -> Violation {
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => Violation::new("", ViolationCode::NotAnObject, "a record is a JSON object"),
        Err(error) => {
            let (code, detail) = describe(&error);
            Violation::new("", code, detail)
        }
    }
}

/// What went wrong, without the text that it went wrong on.
pub(super) fn describe(error: &serde_json::Error) -> (ViolationCode, String) {
    let place = format!("at line {} column {} of the record", error.line(), error.column());
    let message = error.to_string();
    if message.starts_with("number out of range") {
        return (ViolationCode::OutOfRange, format!("the number is too large for any type, {place}"));
    }
    let what = message.split(" at line ").next().unwrap_or("it cannot be parsed");
    (ViolationCode::MalformedJson, format!("the record is not valid JSON: {what}, {place}"))
}

struct MembersReader<'r, 'de, 's> {
    schema: &'de Schema,
    check: &'r mut RecordCheck<'s>,
    row: &'r mut Vec<ValueRef<'de>>,
    is_patch: bool,
    id: Option<Uuid>,
    /// The value being read, for the pointer of an error.
    current: Option<Slot>,
    /// Whether an integer was written so that a double does not tell which it is.
    lacks_digits: bool,
}

impl MembersReader<'_, '_, '_> {
    /// Whether a number of a property is read as it is written.
    fn needs_digits(&self, index: usize) -> bool {
        self.schema.properties()[index].needs_digits() || (self.check.wants_digits() && self.is_integer(index))
    }

    fn is_integer(&self, index: usize) -> bool {
        self.schema.properties()[index].data_type == DataType::Integer
    }
}

impl<'de> DeserializeSeed<'de> for &mut MembersReader<'_, 'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut MembersReader<'_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(slot) = map.next_key_seed(KeySeed { check: self.check })? {
            let Some(slot) = slot else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.current = Some(slot);
            let value = match slot {
                Slot::Property(index) if !self.schema.properties()[index].data_type.is_comparable() => {
                    let raw: &RawValue = map.next_value()?;
                    if self.is_patch {
                        patched(index, &self.row[index], raw.get(), self.check)
                    } else {
                        self.check.json_value(index, raw.get())
                    }
                }
                Slot::Property(index) if self.schema.properties()[index].stringifies() => {
                    stringified(index, map.next_value()?, self.check).map_err(A::Error::custom)?
                }
                Slot::Property(index) if self.needs_digits(index) => {
                    self.check.value(slot, exact_token(map.next_value()?)?)
                }
                Slot::Property(index) => match map.next_value_seed(TokenSeed)? {
                    Incoming::Number(_) if self.is_integer(index) => {
                        self.lacks_digits = true;
                        None
                    }
                    token => self.check.value(slot, token),
                },
                Slot::Id => {
                    let token = map.next_value_seed(TokenSeed)?;
                    self.check.value(slot, token)
                }
            };
            match (slot, value) {
                (Slot::Property(index), Some(value)) => self.row[index] = value,
                (Slot::Id, Some(ValueRef::Uuid(id))) => self.id = Some(id),
                _ => {}
            }
            self.current = None;
        }
        Ok(())
    }
}

/// The token of a value whose digits count.
fn exact_token<E: Error>(raw: &RawValue) -> Result<Incoming<'_>, E> {
    let text = raw.get();
    if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Ok(Incoming::Digits(text));
    }
    TokenSeed.deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(E::custom)
}

/// The value of a property that keeps what is no text as its JSON, without the white space in it.
pub(super) fn stringified<'de>(
    index: usize,
    raw: &'de RawValue,
    check: &mut RecordCheck<'_>,
) -> Result<Option<ValueRef<'de>>, serde_json::Error> {
    let text = raw.get();
    let token = match text.as_bytes().first() {
        Some(b'"' | b'n') => token_of(raw, false)?,
        Some(b'{' | b'[') => match check.nested(index, text) {
            Some(text) => Incoming::Text(text),
            None => return Ok(None),
        },
        _ => Incoming::Text(Cow::Borrowed(text)),
    };
    Ok(check.value(Slot::Property(index), token))
}

/// The token of a value that is read from its text; with all of its digits, if they count.
pub(super) fn token_of(raw: &RawValue, is_exact: bool) -> Result<Incoming<'_>, serde_json::Error> {
    if is_exact {
        return exact_token(raw);
    }
    TokenSeed.deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
}

/// What a patch makes of a nested value: an object is merged into the object that is there, or into an empty one. What
/// comes of it is checked as a whole.
fn patched<'de>(
    index: usize,
    current: &ValueRef<'de>,
    patch: &'de str,
    check: &mut RecordCheck<'_>,
) -> Option<ValueRef<'de>> {
    if !patch.starts_with('{') {
        return check.json_value(index, patch);
    }
    let patch = check.nested(index, patch)?;
    let target = match current {
        ValueRef::Json(text) if text.starts_with('{') => text.as_ref(),
        _ => "{}",
    };
    if let Some(merged) = merge_patch(target, &patch) {
        return check.json_value(index, &merged).map(ValueRef::into_owned);
    }
    let detail = "the stored value is not JSON; replace the record".to_owned();
    check.note(check.pointer(Slot::Property(index)), ViolationCode::InvalidValue, detail);
    None
}

struct KeySeed<'r, 's> {
    check: &'r mut RecordCheck<'s>,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = Option<Slot>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_, '_> {
    type Value = Option<Slot>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.check.key(key))
    }
}

struct TokenSeed;

impl<'de> DeserializeSeed<'de> for TokenSeed {
    type Value = Incoming<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TokenSeed {
    type Value = Incoming<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Incoming::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Incoming::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Incoming::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Incoming::Unsigned(value), Incoming::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Incoming::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Incoming::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Incoming::Text(Cow::Borrowed(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Incoming::Object(Cow::Borrowed("{}")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Incoming::Array(Cow::Borrowed("[]")))
    }
}
