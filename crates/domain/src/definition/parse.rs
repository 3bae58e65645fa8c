//! From JSON to a valid definition, with every violation reported.

use std::collections::HashMap;

use regex::RegexBuilder;
use serde_json::{Map, Value as Json};

use super::{MAX_DESCRIPTION_CHARS, MAX_PROPERTIES, SchemaDefinition};
use crate::constraints::typed;
use crate::validation::Incoming;
use crate::violation::{abbreviate, pointer_to};
use crate::{
    CharacterSet, Constraints, DataType, MAX_DECIMAL_PRECISION, NameError, Property, PropertyName, SchemaName, Value,
    ValueRef, Violation, ViolationCode, Warnings, nearest,
};

/// Largest compiled form of a `pattern`, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

const SCHEMA_KEYS: [&str; 3] = ["name", "description", "properties"];
const PROPERTY_KEYS: [&str; 11] = [
    "name",
    "type",
    "required",
    "is_indexed",
    "is_unique",
    "description",
    "default",
    "constraints",
    "warnings",
    "precision",
    "scale",
];
const CONSTRAINT_KEYS: [&str; 7] = ["min_length", "max_length", "pattern", "characters", "enum", "minimum", "maximum"];
const WARNING_KEYS: [&str; 8] =
    ["required", "min_length", "max_length", "pattern", "characters", "enum", "minimum", "maximum"];

pub(super) fn definition(document: &Json) -> Result<SchemaDefinition, Vec<Violation>> {
    let mut report = Report::default();
    let Some(object) = report.object("", document, &SCHEMA_KEYS) else {
        return Err(report.violations);
    };
    let name = report.name("/name", object.get("name"), SchemaName::parse);
    let description = report.description("/description", object.get("description"));
    let properties = report.properties(object.get("properties"));
    match (name, report.violations.is_empty()) {
        (Some(name), true) => Ok(SchemaDefinition { name, description, properties }),
        _ => Err(report.violations),
    }
}

/// Every violation that is found in a document.
#[derive(Default)]
pub(crate) struct Report {
    violations: Vec<Violation>,
}

impl Report {
    pub(crate) fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    pub(crate) fn extend(&mut self, violations: impl Iterator<Item = Violation>) {
        self.violations.extend(violations);
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
            let hint = nearest(key, keys.iter().copied()).map_or_else(
                || format!("; the keys are {}", keys.join(", ")),
                |name| format!("; did you mean `{name}`?"),
            );
            self.add(
                &pointer_to(pointer, key),
                ViolationCode::UnknownKey,
                format!("there is no key `{}`{hint}", abbreviate(key)),
            );
        }
        Some(object)
    }

    fn name<N>(
        &mut self,
        pointer: &str,
        value: Option<&Json>,
        parse: impl Fn(&str) -> Result<N, NameError>,
    ) -> Option<N> {
        match value {
            None | Some(Json::Null) => self.add(pointer, ViolationCode::RequiredMissing, "a name is required"),
            Some(Json::String(text)) => match parse(text) {
                Ok(name) => return Some(name),
                Err(error) => {
                    let is_reserved = matches!(error, NameError::Reserved { .. });
                    let code = if is_reserved { ViolationCode::ReservedName } else { ViolationCode::InvalidName };
                    self.add(pointer, code, error.to_string());
                }
            },
            Some(other) => self.mismatch(pointer, "string", other),
        }
        None
    }

    fn description(&mut self, pointer: &str, value: Option<&Json>) -> Option<String> {
        match value {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) if text.chars().count() <= MAX_DESCRIPTION_CHARS => Some(text.clone()),
            Some(Json::String(_)) => {
                self.add(
                    pointer,
                    ViolationCode::TooLong,
                    format!("a description has at most {MAX_DESCRIPTION_CHARS} characters"),
                );
                None
            }
            Some(other) => {
                self.mismatch(pointer, "string", other);
                None
            }
        }
    }

    fn flag(&mut self, pointer: &str, value: Option<&Json>) -> bool {
        match value {
            None => false,
            Some(Json::Bool(flag)) => *flag,
            Some(other) => {
                self.mismatch(pointer, "boolean", other);
                false
            }
        }
    }

    fn properties(&mut self, value: Option<&Json>) -> Vec<Property> {
        let list = match value {
            None | Some(Json::Null) => {
                self.add("/properties", ViolationCode::RequiredMissing, "a schema needs at least one property");
                return Vec::new();
            }
            Some(Json::Array(list)) => list,
            Some(other) => {
                self.mismatch("/properties", "array", other);
                return Vec::new();
            }
        };
        if list.is_empty() || list.len() > MAX_PROPERTIES {
            let detail = format!("a schema has 1 to {MAX_PROPERTIES} properties, this one has {}", list.len());
            self.add("/properties", ViolationCode::WrongCount, detail);
            return Vec::new();
        }
        let mut first_places: HashMap<String, usize> = HashMap::new();
        let mut properties = Vec::with_capacity(list.len());
        for (index, document) in list.iter().enumerate() {
            let pointer = format!("/properties/{index}");
            let Some(property) = self.property(&pointer, document) else { continue };
            if let Some(first) = first_places.insert(property.name.key(), index) {
                let detail =
                    format!("`{}` is already the name of /properties/{first}; case does not count", property.name);
                self.add(&format!("{pointer}/name"), ViolationCode::DuplicateName, detail);
            }
            properties.push(property);
        }
        properties
    }

    fn property(&mut self, pointer: &str, document: &Json) -> Option<Property> {
        let object = self.object(pointer, document, &PROPERTY_KEYS)?;
        let at = |key: &str| format!("{pointer}/{key}");
        let name = self.name(&at("name"), object.get("name"), PropertyName::parse);
        let description = self.description(&at("description"), object.get("description"));
        let is_required = self.flag(&at("required"), object.get("required"));
        let is_indexed = self.flag(&at("is_indexed"), object.get("is_indexed"));
        let is_unique = self.flag(&at("is_unique"), object.get("is_unique"));
        let data_type = self.data_type(pointer, object)?;
        if !data_type.is_comparable() && (is_indexed || is_unique) {
            let key = if is_indexed { "is_indexed" } else { "is_unique" };
            self.add(
                &at(key),
                ViolationCode::NotIndexable,
                format!("a property of type `{data_type}` cannot be indexed or unique"),
            );
        }
        let constraints = match object.get("constraints") {
            None | Some(Json::Null) => Constraints::default(),
            Some(document) => self.constraints(&at("constraints"), data_type, document, &CONSTRAINT_KEYS),
        };
        let warnings = match object.get("warnings") {
            None | Some(Json::Null) => Warnings::default(),
            Some(document) => Warnings {
                is_required: self.flag(&at("warnings/required"), document.get("required")),
                constraints: self.constraints(&at("warnings"), data_type, document, &WARNING_KEYS),
            },
        };
        let default = match object.get("default") {
            None | Some(Json::Null) => None,
            Some(value) => self.default_value(&at("default"), data_type, &constraints, value),
        };
        let name = name?;
        Some(Property {
            name,
            data_type,
            is_required,
            is_indexed,
            is_unique,
            description,
            default,
            constraints,
            warnings,
        })
    }

    fn data_type(&mut self, pointer: &str, object: &Map<String, Json>) -> Option<DataType> {
        let at = |key: &str| format!("{pointer}/{key}");
        let name = match object.get("type") {
            None | Some(Json::Null) => {
                self.add(&at("type"), ViolationCode::RequiredMissing, "a type is required");
                return None;
            }
            Some(Json::String(name)) => name.as_str(),
            Some(other) => {
                self.mismatch(&at("type"), "string", other);
                return None;
            }
        };
        if name != "decimal" {
            for key in ["precision", "scale"].into_iter().filter(|key| object.contains_key(*key)) {
                self.add(
                    &at(key),
                    ViolationCode::InvalidConstraint,
                    format!("`{key}` belongs to the type `decimal` alone"),
                );
            }
        }
        Some(match name {
            "string" => DataType::String,
            "integer" => DataType::Integer,
            "number" => DataType::Number,
            "decimal" => return self.decimal(pointer, object),
            "boolean" => DataType::Boolean,
            "date" => DataType::Date,
            "time" => DataType::Time,
            "datetime" => DataType::Datetime,
            "uuid" => DataType::Uuid,
            "object" => DataType::Object,
            "array" => DataType::Array,
            unknown => {
                let hint = nearest(unknown, DataType::NAMES).map_or_else(
                    || format!("the types are {}", DataType::NAMES.join(", ")),
                    |name| format!("did you mean `{name}`?"),
                );
                self.add(
                    &at("type"),
                    ViolationCode::UnknownType,
                    format!("there is no type `{}`; {hint}", abbreviate(unknown)),
                );
                return None;
            }
        })
    }

    fn decimal(&mut self, pointer: &str, object: &Map<String, Json>) -> Option<DataType> {
        let whole = |key: &str| object.get(key).and_then(Json::as_u64).and_then(|n| u8::try_from(n).ok());
        match (whole("precision"), whole("scale")) {
            (Some(precision), Some(scale))
                if (1..=MAX_DECIMAL_PRECISION).contains(&precision) && scale <= precision =>
            {
                Some(DataType::Decimal { precision, scale })
            }
            _ => {
                let detail = format!(
                    "a decimal needs `precision` from 1 to {MAX_DECIMAL_PRECISION} and `scale` from 0 to `precision`"
                );
                self.add(&format!("{pointer}/precision"), ViolationCode::InvalidConstraint, detail);
                None
            }
        }
    }

    fn constraints(&mut self, pointer: &str, data_type: DataType, document: &Json, keys: &[&str]) -> Constraints {
        let Some(object) = self.object(pointer, document, keys) else {
            return Constraints::default();
        };
        let mut constraints = Constraints::default();
        for (key, value) in object {
            let at = pointer_to(pointer, key);
            let applies = match key.as_str() {
                "min_length" | "max_length" | "pattern" | "characters" => data_type == DataType::String,
                "minimum" | "maximum" => {
                    data_type.is_ordered() && !matches!(data_type, DataType::String | DataType::Uuid)
                }
                "enum" => data_type.is_comparable() && data_type != DataType::Boolean,
                _ => continue,
            };
            if !applies {
                self.add(
                    &at,
                    ViolationCode::InvalidConstraint,
                    format!("`{key}` does not apply to the type `{data_type}`"),
                );
                continue;
            }
            match key.as_str() {
                "min_length" => constraints.min_length = self.length(&at, value),
                "max_length" => constraints.max_length = self.length(&at, value),
                "pattern" => constraints.pattern = self.pattern(&at, value),
                "characters" => constraints.characters = self.characters(&at, value),
                "minimum" => constraints.minimum = self.value(&at, data_type, value, ViolationCode::InvalidConstraint),
                "maximum" => constraints.maximum = self.value(&at, data_type, value, ViolationCode::InvalidConstraint),
                _ => constraints.allowed = self.allowed(&at, data_type, value),
            }
        }
        let lengths_cross =
            constraints.min_length.zip(constraints.max_length).is_some_and(|(least, most)| least > most);
        let limits = constraints.minimum.as_ref().zip(constraints.maximum.as_ref());
        if lengths_cross || limits.and_then(|(least, most)| least.compare(most)).is_some_and(std::cmp::Ordering::is_gt)
        {
            self.add(
                pointer,
                ViolationCode::InvalidConstraint,
                "no value can satisfy both the lower and the upper limit",
            );
        }
        constraints
    }

    fn length(&mut self, pointer: &str, value: &Json) -> Option<u64> {
        let length = value.as_u64();
        if length.is_none() {
            self.add(pointer, ViolationCode::InvalidConstraint, "a length is a whole number from 0");
        }
        length
    }

    fn pattern(&mut self, pointer: &str, value: &Json) -> Option<regex::Regex> {
        let Json::String(text) = value else {
            self.mismatch(pointer, "string", value);
            return None;
        };
        match RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build() {
            Ok(pattern) => Some(pattern),
            Err(regex::Error::CompiledTooBig(_)) => {
                self.add(pointer, ViolationCode::InvalidConstraint, "the pattern is too large");
                None
            }
            Err(_) => {
                self.add(
                    pointer,
                    ViolationCode::InvalidConstraint,
                    "the pattern is not a regular expression of Rust's `regex` syntax",
                );
                None
            }
        }
    }

    fn characters(&mut self, pointer: &str, value: &Json) -> Option<CharacterSet> {
        let Json::String(text) = value else {
            self.mismatch(pointer, "string", value);
            return None;
        };
        let characters = CharacterSet::parse(text);
        if characters.is_none() {
            let detail = "`characters` are those that are allowed, with ranges such as `A-Z`";
            self.add(pointer, ViolationCode::InvalidConstraint, detail);
        }
        characters
    }

    fn allowed(&mut self, pointer: &str, data_type: DataType, value: &Json) -> Vec<Value> {
        match value {
            Json::Array(list) if !list.is_empty() => {
                let values = list.iter().enumerate();
                let parsed = values.map(|(index, value)| {
                    self.value(&format!("{pointer}/{index}"), data_type, value, ViolationCode::InvalidConstraint)
                });
                parsed.collect::<Vec<_>>().into_iter().flatten().collect()
            }
            _ => {
                self.add(pointer, ViolationCode::InvalidConstraint, "`enum` is a list of at least one value");
                Vec::new()
            }
        }
    }

    fn default_value(
        &mut self,
        pointer: &str,
        data_type: DataType,
        constraints: &Constraints,
        value: &Json,
    ) -> Option<Value> {
        let value = self.value(pointer, data_type, value, ViolationCode::InvalidDefault)?;
        match constraints.check(data_type, &value) {
            Ok(()) => Some(value),
            Err((_, detail)) => {
                self.add(pointer, ViolationCode::InvalidDefault, detail);
                None
            }
        }
    }

    /// A non-null value of a type.
    fn value(&mut self, pointer: &str, data_type: DataType, value: &Json, code: ViolationCode) -> Option<Value> {
        match typed(data_type, Incoming::from_json(value)) {
            Ok(ValueRef::Null) => self.add(pointer, code, "null is not a value here"),
            Ok(value) => return Some(value.into_owned()),
            Err((_, detail)) => self.add(pointer, code, detail),
        }
        None
    }
}
