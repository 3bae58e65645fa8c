//! The rules that every record passes, whatever format it came in.
//!
//! A reader of a format walks over a record and tells a [`RecordCheck`] of each key and each value. The check
//! says where the value belongs and what it is once typed, and collects everything that is wrong. It keeps no
//! values: a record costs no object.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::names::{Found, MemberNames};
use crate::names::abbreviate;
use crate::types::accepted_text;
use crate::violation::{Violations, pointer_to};
use crate::{
    DEFAULT_JSON_DEPTH, Incoming, JsonFault, NameMeaning, Property, RecordId, RecordIdError, Schema, SourceNames,
    SystemField, Value, ValueRef, Violation, ViolationCode, compacted,
};

/// Where a value of a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The record's id.
    Id,
    /// The property at this place in the schema.
    Property(usize),
}

/// The rules of one schema, ready to check any number of records.
///
/// ```
/// use eider_domain::{Incoming, RecordValidator, Schema, SchemaDefinition, Timestamp, ViolationCode};
/// use serde_json::json;
///
/// let document = json!({"name": "flights", "properties": [
///     {"name": "carrier", "type": "string", "required": true}, {"name": "delay", "type": "integer"}]});
/// let definition = SchemaDefinition::parse(&document).expect("a valid definition");
/// let schema = Schema::new(definition, 1, Timestamp::from_micros(0));
///
/// // The record `{"delay": 1.5}`, token by token.
/// let validator = RecordValidator::new(&schema);
/// let mut check = validator.check();
/// let slot = check.key("delay").expect("the schema has it");
/// assert!(check.value(slot, Incoming::Number(1.5)).is_none());
/// let codes: Vec<ViolationCode> = check.finish().iter().map(|violation| violation.code).collect();
/// assert_eq!(codes, [ViolationCode::TypeMismatch, ViolationCode::RequiredMissing]);
/// ```
#[derive(Debug)]
pub struct RecordValidator<'s> {
    schema: &'s Schema,
    names: &'s SourceNames,
    keeps_own_names: bool,
    json_depth: usize,
    ignores_read_only: bool,
}

impl<'s> RecordValidator<'s> {
    /// The rules of `schema`.
    pub fn new(schema: &'s Schema) -> Self {
        Self {
            schema,
            names: schema.source_names(),
            keeps_own_names: false,
            json_depth: DEFAULT_JSON_DEPTH,
            ignores_read_only: false,
        }
    }

    /// The same rules, with what a call says of names.
    #[must_use]
    pub fn with_names(mut self, names: &'s SourceNames) -> Self {
        self.names = names;
        self
    }

    /// The same rules for what is said of a record that there is: the names that it has of its own stand for nothing else.
    #[must_use]
    pub fn keeping_own_names(mut self, keeps: bool) -> Self {
        self.keeps_own_names = keeps;
        self
    }

    /// The same rules with another limit for how deep objects and arrays are nested within a value.
    #[must_use]
    pub fn with_json_depth(mut self, depth: usize) -> Self {
        self.json_depth = depth;
        self
    }

    /// The same rules, which pass over the fields that the server keeps, under the names that it gives them.
    #[must_use]
    pub fn ignoring_read_only(mut self, ignores: bool) -> Self {
        self.ignores_read_only = ignores;
        self
    }

    /// A check that is used for one record after another.
    pub fn check(&self) -> RecordCheck<'s> {
        let mut names = (!self.names.is_empty()).then(|| MemberNames::new(self.names));
        let contested: Vec<(usize, usize)> = names.iter().flat_map(MemberNames::contested).collect();
        for (rule, _) in contested.iter().filter(|_| self.keeps_own_names) {
            if let Some(names) = &mut names {
                names.give_way(*rule, true);
            }
        }
        RecordCheck {
            schema: self.schema,
            names,
            contested: if self.keeps_own_names { Vec::new() } else { contested },
            json_depth: self.json_depth,
            ignores_read_only: self.ignores_read_only,
            seen: vec![false; self.schema.properties().len()],
            has_id: false,
            wants_digits: false,
            expected_next: 0,
            violations: Violations::default(),
        }
    }
}

/// The state of checking one record.
#[derive(Debug)]
pub struct RecordCheck<'s> {
    schema: &'s Schema,
    /// `None` where every name stands for what it says.
    names: Option<MemberNames<'s>>,
    /// The rules for names that records have of their own, and the properties whose own names they give way to.
    contested: Vec<(usize, usize)>,
    json_depth: usize,
    ignores_read_only: bool,
    seen: Vec<bool>,
    has_id: bool,
    /// Whether whole numbers of late were written with a point or an exponent.
    wants_digits: bool,
    /// The property that follows the last one: records mostly come in schema order.
    expected_next: usize,
    violations: Violations,
}

impl<'s> RecordCheck<'s> {
    /// Says where the value of `key` belongs. `None`: nowhere, and the violation is noted unless it is passed over;
    /// skip the value.
    pub fn key(&mut self, key: &str) -> Option<Slot> {
        if self.names.is_some() {
            return self.member(key);
        }
        let properties = self.schema.properties();
        let index = match properties.get(self.expected_next) {
            Some(property) if property.name.as_str() == key => Some(self.expected_next),
            _ => self.schema.property_index(key),
        };
        if let Some(index) = index {
            self.expected_next = index + 1;
            if std::mem::replace(&mut self.seen[index], true) {
                self.note_duplicate(key);
                return None;
            }
            return Some(Slot::Property(index));
        }
        self.key_outside_properties(key)
    }

    /// As [`RecordCheck::key`], where names may stand for something else than they say.
    fn member(&mut self, key: &str) -> Option<Slot> {
        let names = self.names.as_mut()?;
        let slot = match names.find(self.schema, key) {
            Found::Property(index) => Slot::Property(index),
            Found::Other => return self.key_outside_properties(key),
            Found::Rule(rule) => match names.apply(rule) {
                Some(NameMeaning::Id) => Slot::Id,
                Some(NameMeaning::Property(index)) => Slot::Property(index),
                Some(NameMeaning::Ignored) => return None,
                // A field of every record, which may be a property where records bring it along.
                None => match self.schema.property_index(key) {
                    Some(index) => Slot::Property(index),
                    None => return self.key_outside_properties(key),
                },
            },
        };
        let is_met = match slot {
            Slot::Id => &mut self.has_id,
            Slot::Property(index) => &mut self.seen[index],
        };
        if std::mem::replace(is_met, true) {
            self.note_duplicate(key);
            return None;
        }
        Some(slot)
    }

    /// Begins a record whose members are looked at first: `has` says whether one of them is called so. Names that every record
    /// has of its own, and that are aliases of properties, are the record's own where the property comes under its name.
    pub fn begin(&mut self, mut has: impl FnMut(&str) -> bool) {
        let Some(names) = &mut self.names else { return };
        for (rule, index) in &self.contested {
            names.give_way(*rule, has(self.schema.properties()[*index].name.as_str()));
        }
    }

    /// For each of the [`SourceNames`], how many names it was applied to since this was asked last.
    pub fn take_name_uses(&mut self) -> Vec<u64> {
        self.names.as_mut().map(MemberNames::take_uses).unwrap_or_default()
    }

    /// Says that the record has a value for a slot that is known beforehand, from a header or a column.
    pub fn met(&mut self, slot: Slot) {
        match slot {
            Slot::Id => self.has_id = true,
            Slot::Property(index) => self.seen[index] = true,
        }
    }

    fn key_outside_properties(&mut self, key: &str) -> Option<Slot> {
        match SystemField::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(key)) {
            Some(SystemField::Id) => {
                if std::mem::replace(&mut self.has_id, true) {
                    self.note_duplicate(key);
                    return None;
                }
                return Some(Slot::Id);
            }
            Some(field) if self.ignores_read_only && field.name() == key => {}
            Some(field) => {
                let detail = format!("`{}` is kept by the server and may not be sent", field.name());
                self.note(pointer_to("", key), ViolationCode::ReadOnly, detail);
            }
            None => {
                let names = self.schema.properties().iter().map(|p| p.name.as_str());
                let hint = self
                    .violations
                    .hint(key, names)
                    .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
                let detail = format!("the schema has no property `{}`{hint}", abbreviate(key));
                self.note(pointer_to("", key), ViolationCode::UnknownProperty, detail);
            }
        }
        None
    }

    /// Types and checks the value of a slot. `None`: it was refused, and the violation is noted.
    pub fn value<'a>(&mut self, slot: Slot, token: Incoming<'a>) -> Option<ValueRef<'a>> {
        match slot {
            Slot::Id => self.id(&token),
            Slot::Property(index) => self.property(&self.schema.properties()[index], token),
        }
    }

    fn id<'a>(&mut self, token: &Incoming<'_>) -> Option<ValueRef<'a>> {
        if *token == Incoming::Null {
            return Some(ValueRef::Null);
        }
        let Incoming::Text(text) = token else {
            self.note_mismatch("/id".to_owned(), "uuid".to_owned(), token.kind(), RecordIdError.to_string());
            return None;
        };
        match RecordId::parse(text) {
            Ok(id) => Some(ValueRef::Uuid(*id.as_uuid())),
            Err(error) => {
                self.note("/id".to_owned(), ViolationCode::InvalidValue, error.to_string());
                None
            }
        }
    }

    fn property<'a>(&mut self, property: &'s Property, token: Incoming<'a>) -> Option<ValueRef<'a>> {
        let found = token.kind();
        match property.read(token) {
            Ok(value) => self.constrained(property, value),
            Err((ViolationCode::TypeMismatch, detail)) => {
                self.note_mismatch(
                    pointer_to("", property.name.as_str()),
                    property.data_type.to_string(),
                    found,
                    detail,
                );
                None
            }
            Err((code, detail)) => {
                self.note(pointer_to("", property.name.as_str()), code, detail);
                None
            }
        }
    }

    /// Checks JSON text that is, or is to be, within the value of a property, and takes the white space out of it.
    /// `text` is JSON by its grammar. `None`: it was refused, and the violation is noted.
    pub fn nested<'a>(&mut self, index: usize, text: &'a str) -> Option<Cow<'a, str>> {
        match compacted(text, self.json_depth) {
            Ok(text) => Some(text),
            Err(JsonFault { pointer, code, detail }) => {
                let property = self.pointer(Slot::Property(index));
                self.note(format!("{property}{pointer}"), code, detail);
                None
            }
        }
    }

    /// Types and checks JSON text, which is JSON by its grammar, as the value of a property that is an object or an
    /// array. `None`: it was refused, and the violation is noted.
    pub fn json_value<'a>(&mut self, index: usize, text: &'a str) -> Option<ValueRef<'a>> {
        let token = match text.trim_ascii_start().as_bytes().first() {
            Some(b'{') => Incoming::Object(self.nested(index, text)?),
            Some(b'[') => Incoming::Array(self.nested(index, text)?),
            Some(b'"') => Incoming::Text(Cow::Borrowed("")),
            Some(b't' | b'f') => Incoming::Boolean(true),
            Some(b'n') => Incoming::Null,
            _ => Incoming::Number(0.0),
        };
        self.value(Slot::Property(index), token)
    }

    /// The same of text that another format holds and that need not be JSON.
    pub fn json_text<'a>(&mut self, index: usize, text: &'a str) -> Option<ValueRef<'a>> {
        if serde_json::from_str::<IgnoredAny>(text).is_err() {
            self.note_unfit(index, ViolationCode::InvalidValue);
            return None;
        }
        self.json_value(index, text)
    }

    /// Checks a value that is of its property's type already; see [`Property::constraints`]. `None`: it was refused,
    /// and the violation is noted.
    pub fn typed_value<'a>(&mut self, index: usize, value: ValueRef<'a>) -> Option<ValueRef<'a>> {
        let property = &self.schema.properties()[index];
        let value = match &property.dialect {
            None => value,
            Some(dialect) => dialect.without_nulls(value),
        };
        self.constrained(property, value)
    }

    fn constrained<'a>(&mut self, property: &'s Property, value: ValueRef<'a>) -> Option<ValueRef<'a>> {
        if matches!(value, ValueRef::Null) {
            if property.is_required {
                self.note_required(property);
                return None;
            }
            return Some(value);
        }
        match property.constraints.check(property.data_type, &value) {
            Ok(()) => Some(value),
            Err((code, detail)) => {
                self.note(pointer_to("", property.name.as_str()), code, detail);
                None
            }
        }
    }

    /// Notes that a value, found in another form than a token, is not one that the property's type can hold.
    pub fn note_unfit(&mut self, index: usize, code: ViolationCode) {
        let property = &self.schema.properties()[index];
        let detail = format!("expected {}", accepted_text(property.data_type));
        self.note(pointer_to("", property.name.as_str()), code, detail);
    }

    /// Notes a violation that only the reader of the format can see, such as malformed JSON.
    pub fn note(&mut self, pointer: String, code: ViolationCode, detail: String) {
        self.violations.push(Violation::new(pointer, code, detail));
    }

    /// The pointer to the value of a slot.
    pub fn pointer(&self, slot: Slot) -> String {
        match slot {
            Slot::Id => "/id".to_owned(),
            Slot::Property(index) => pointer_to("", self.schema.properties()[index].name.as_str()),
        }
    }

    /// Whether numbers of an integer property are handed over as they are written ([`Incoming::Digits`]). A double does
    /// not tell `1.0` from `1.00000000000000000001`; a reader that meets such a number reads the record once more.
    pub fn wants_digits(&self) -> bool {
        self.wants_digits
    }

    /// Notes that it was so, and likely is in the records to come.
    pub fn want_digits(&mut self) {
        self.wants_digits = true;
    }

    /// Ends the record: notes what is missing, hands out the violations and makes ready for the next record.
    ///
    /// An empty list means that the record is valid.
    pub fn finish(&mut self) -> Vec<Violation> {
        for (index, property) in self.schema.properties().iter().enumerate() {
            if !self.seen[index] && property.is_required && property.default.is_none() {
                self.note_required(property);
            }
        }
        self.abandon()
    }

    /// Ends a record that could not be read to its end: what is missing is not known.
    pub fn abandon(&mut self) -> Vec<Violation> {
        self.seen.fill(false);
        self.has_id = false;
        self.expected_next = 0;
        if let Some(names) = &mut self.names {
            names.restart();
        }
        self.violations.take()
    }

    /// The value that a property without a value takes: its default, or null.
    pub fn missing_value(property: &Property) -> ValueRef<'_> {
        property.default.as_ref().map_or(ValueRef::Null, Value::borrowed)
    }

    fn note_duplicate(&mut self, key: &str) {
        let others = if self.names.is_some() { ", and other names of a property are the same key" } else { "" };
        let detail = format!("the key `{}` is given twice; case does not count{others}", abbreviate(key));
        self.note(pointer_to("", key), ViolationCode::DuplicateKey, detail);
    }

    fn note_required(&mut self, property: &Property) {
        let detail = format!("`{}` is required", property.name);
        self.note(pointer_to("", property.name.as_str()), ViolationCode::RequiredMissing, detail);
    }

    fn note_mismatch(&mut self, pointer: String, expected: String, actual: &'static str, detail: String) {
        let mut violation = Violation::new(pointer, ViolationCode::TypeMismatch, detail);
        violation.expected = Some(expected);
        violation.actual = Some(actual);
        self.violations.push(violation);
    }
}

#[cfg(test)]
mod tests;
