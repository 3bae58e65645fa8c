//! Records whose nested objects are flattened: `{"a": {"b": 1}}` has, with `.` between keys, the one value `a.b`.
//!
//! An object goes to the property of its own path, if there is one; else its members are values of their own, down to
//! [`MAX_FLATTENED`] levels. Arrays stay as they are. Two values of one path are a key that is given twice. Where an
//! object is flattened, null stands for one without members, which leaves nothing.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use eider_domain::{DataType, Property, RecordCheck, Schema, Slot, ValueRef, Violation, ViolationCode};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::members::Members;
use super::reader::{describe, not_an_object, stringified, token_of};
use crate::reader::rows::RecordParser;

/// How many levels of objects are flattened; what lies deeper is one value.
pub(super) const MAX_FLATTENED: usize = 16;

/// Reads records that are objects, and flattens them.
#[derive(Debug)]
pub(super) struct FlatParser {
    separator: String,
    /// The names of the schema's properties in lower case, once one was asked for.
    names: OnceLock<BTreeSet<String>>,
}

impl FlatParser {
    pub(super) fn new(separator: String) -> Self {
        Self { separator, names: OnceLock::new() }
    }
}

impl RecordParser for FlatParser {
    fn parse<'de>(
        &self,
        record: &'de [u8],
        _line: u64,
        schema: &'de Schema,
        check: &mut RecordCheck<'_>,
        row: &mut Vec<ValueRef<'de>>,
    ) -> Result<Option<Uuid>, Vec<Violation>> {
        row.clear();
        row.extend(schema.properties().iter().map(RecordCheck::missing_value));
        let Ok(text) = std::str::from_utf8(record) else {
            let detail = "the record is not valid JSON: it is not UTF-8".to_owned();
            return Err(vec![Violation::new("", ViolationCode::MalformedJson, detail)]);
        };
        if !text.trim_ascii_start().starts_with('{') {
            return Err(vec![not_an_object(record)]);
        }
        let names = self.names.get_or_init(|| {
            schema.properties().iter().map(|property| property.name.as_str().to_ascii_lowercase()).collect()
        });
        let mut flat = Flat { separator: &self.separator, names, schema, check, row, id: None };
        let outcome = flat.members(text, "", 0);
        let id = flat.id;
        match outcome {
            Ok(()) => {
                let violations = check.finish();
                if violations.is_empty() { Ok(id) } else { Err(violations) }
            }
            Err(error) => {
                let (code, detail) = describe(&error);
                check.note(String::new(), code, detail);
                Err(check.abandon())
            }
        }
    }
}

/// A record while it is flattened.
struct Flat<'r, 'de, 's> {
    separator: &'r str,
    names: &'r BTreeSet<String>,
    schema: &'de Schema,
    check: &'r mut RecordCheck<'s>,
    row: &'r mut Vec<ValueRef<'de>>,
    id: Option<Uuid>,
}

impl<'de> Flat<'_, 'de, '_> {
    fn members(&mut self, object: &'de str, path: &str, depth: usize) -> Result<(), serde_json::Error> {
        let Members(members) = serde_json::from_str(object)?;
        for (key, value) in members {
            let path = joined(path, self.separator, key, depth);
            let is_flattened = match value.get().as_bytes().first() {
                Some(b'{') => {
                    depth < MAX_FLATTENED && (self.schema.property_index(&path).is_none() || self.is_above(&path))
                }
                // An object that is not there.
                Some(b'n') => self.is_above(&path) && self.schema.property_index(&path).is_none(),
                _ => false,
            };
            match value.get() {
                "null" if is_flattened => {}
                object if is_flattened => self.members(object, &path, depth + 1)?,
                _ => self.value(&path, value)?,
            }
        }
        Ok(())
    }

    /// Whether a property has the path of a member of what is at `path`.
    fn is_above(&self, path: &str) -> bool {
        let beginning = format!("{path}{}", self.separator).to_ascii_lowercase();
        self.names.range(beginning.clone()..).next().is_some_and(|name| name.starts_with(&beginning))
    }

    fn value(&mut self, path: &str, value: &'de RawValue) -> Result<(), serde_json::Error> {
        let Some(slot) = self.check.key(path) else { return Ok(()) };
        let read = match slot {
            Slot::Property(index) if !self.schema.properties()[index].data_type.is_comparable() => {
                self.check.json_value(index, value.get())
            }
            Slot::Property(index) if self.schema.properties()[index].stringifies() => {
                stringified(index, value, self.check)?
            }
            _ => {
                let counts = |property: &Property| property.needs_digits() || property.data_type == DataType::Integer;
                let is_exact = matches!(slot, Slot::Property(index) if counts(&self.schema.properties()[index]));
                self.check.value(slot, token_of(value, is_exact)?)
            }
        };
        match (slot, read) {
            (Slot::Property(index), Some(value)) => self.row[index] = value,
            (Slot::Id, Some(ValueRef::Uuid(id))) => self.id = Some(id),
            _ => {}
        }
        Ok(())
    }
}

/// The path of a key in an object at a path.
pub(super) fn joined(path: &str, separator: &str, key: String, depth: usize) -> String {
    if depth == 0 { key } else { format!("{path}{separator}{key}") }
}
