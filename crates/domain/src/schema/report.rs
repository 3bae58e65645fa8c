//! What is wrong with a JSON document, gathered while it is read.

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::patterns::{Patterns, Refusal};
use crate::names::abbreviate;
use crate::types::typed;
use crate::violation::{Violations, pointer_to};
use crate::{CharacterSet, DataType, Incoming, Property, Severity, Value, ValueRef, Violation, ViolationCode};

/// Every violation that is found in a document.
#[derive(Default)]
pub(crate) struct Report {
    violations: Violations,
    patterns: Patterns,
}

impl Report {
    /// Of a document that was accepted before: what it may cost was asked then.
    pub(crate) fn of_accepted() -> Self {
        Self { patterns: Patterns::unbounded(), ..Self::default() }
    }

    pub(crate) fn into_violations(mut self) -> Vec<Violation> {
        self.violations.take()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.violations.count() == 0
    }

    /// How many violations there are, named or not.
    pub(crate) fn count(&self) -> u64 {
        self.violations.count()
    }

    /// What an unknown name is likely to stand for; see [`Violations::hint`].
    pub(crate) fn hint<'k>(&mut self, unknown: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
        self.violations.hint(unknown, known)
    }

    pub(crate) fn extend(&mut self, violations: impl Iterator<Item = Violation>) {
        for violation in violations {
            self.violations.push(violation);
        }
    }

    pub(crate) fn add(&mut self, pointer: &str, code: ViolationCode, detail: impl Into<String>) {
        self.violations.push(Violation::new(pointer, code, detail));
    }

    pub(crate) fn mismatch(&mut self, pointer: &str, expected: &str, found: &Json) {
        let found_kind = Incoming::from_json(found).kind();
        let mut violation =
            Violation::new(pointer, ViolationCode::TypeMismatch, format!("expected {expected}, found {found_kind}"));
        violation.expected = Some(expected.to_owned());
        violation.actual = Some(found_kind);
        self.violations.push(violation);
    }

    /// The object at a pointer, with every key that it should not have reported.
    pub(crate) fn object<'d>(
        &mut self,
        pointer: &str,
        value: &'d Json,
        keys: &[&str],
    ) -> Option<&'d Map<String, Json>> {
        let Json::Object(object) = value else {
            self.mismatch(pointer, "object", value);
            return None;
        };
        for key in object.keys().filter(|key| !keys.contains(&key.as_str())) {
            let hint = self
                .hint(key, keys.iter().copied())
                .map_or_else(|| format!("the keys are {}", keys.join(", ")), |name| format!("did you mean `{name}`?"));
            let detail = format!("there is no key `{}`; {hint}", abbreviate(key));
            self.add(&pointer_to(pointer, key), ViolationCode::UnknownKey, detail);
        }
        Some(object)
    }

    pub(crate) fn flag(&mut self, pointer: &str, value: Option<&Json>) -> bool {
        match value {
            None => false,
            Some(Json::Bool(flag)) => *flag,
            Some(other) => {
                self.mismatch(pointer, "boolean", other);
                false
            }
        }
    }

    /// A text that has to be there.
    pub(crate) fn text<'d>(&mut self, pointer: &str, value: Option<&'d Json>) -> Option<&'d str> {
        match value {
            Some(Json::String(text)) => return Some(text),
            Some(other) => self.mismatch(pointer, "string", other),
            None => self.add(pointer, ViolationCode::RequiredMissing, "it is required"),
        }
        None
    }

    /// The place of the property of a name among others, without regard to case.
    pub(crate) fn place_of(&mut self, pointer: &str, name: &str, properties: &[Property]) -> Option<usize> {
        let names = || properties.iter().map(|property| property.name.as_str());
        let place = names().position(|known| known.eq_ignore_ascii_case(name));
        if place.is_none() {
            let hint = self.hint(name, names()).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            self.add(pointer, ViolationCode::UnknownProperty, format!("the schema has no such property{hint}"));
        }
        place
    }

    pub(crate) fn severity(&mut self, pointer: &str, value: Option<&Json>) -> Severity {
        match value {
            None | Some(Json::Null) => Severity::Error,
            Some(Json::String(text)) => Severity::parse(text).unwrap_or_else(|| {
                self.add(pointer, ViolationCode::InvalidValue, "a severity is `error` or `warning`");
                Severity::Error
            }),
            Some(other) => {
                self.mismatch(pointer, "string", other);
                Severity::Error
            }
        }
    }

    /// A number of characters.
    pub(crate) fn length(&mut self, pointer: &str, value: &Json) -> Option<u64> {
        let length = value.as_u64().filter(|length| i64::try_from(*length).is_ok());
        if length.is_none() {
            self.add(pointer, ViolationCode::InvalidConstraint, "a length is a whole number from 0");
        }
        length
    }

    pub(crate) fn pattern(&mut self, pointer: &str, text: &str) -> Option<Regex> {
        let detail = match self.patterns.compiled(text) {
            Ok(pattern) => return Some(pattern),
            Err(Refusal::TooLarge) => "the pattern is too large",
            Err(Refusal::TooLargeTogether) => "the patterns of one document are too large together; make some simpler",
            Err(Refusal::Unreadable) => "the pattern is not a regular expression of Rust's `regex` syntax",
        };
        self.add(pointer, ViolationCode::InvalidConstraint, detail);
        None
    }

    pub(crate) fn characters(&mut self, pointer: &str, text: &str) -> Option<CharacterSet> {
        let characters = CharacterSet::parse(text);
        if characters.is_none() {
            let detail = "it takes the characters that are allowed, with ranges such as `A-Z`";
            self.add(pointer, ViolationCode::InvalidConstraint, detail);
        }
        characters
    }

    /// A non-null value of a type.
    pub(crate) fn value(
        &mut self,
        pointer: &str,
        data_type: DataType,
        value: &Json,
        code: ViolationCode,
    ) -> Option<Value> {
        match typed(data_type, Incoming::from_json(value)) {
            Ok(ValueRef::Null) => self.add(pointer, code, "null is not a value here"),
            Ok(value) => return Some(value.into_owned()),
            Err((_, detail)) => self.add(pointer, code, detail),
        }
        None
    }
}
