//! From JSON to a valid definition, with every violation reported.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::{MAX_DESCRIPTION_CHARS, MAX_PROPERTIES, SchemaDefinition};
use crate::names::abbreviate;
use crate::schema::Report;
use crate::violation::pointer_to;
use crate::{
    Constraints, DataType, Family, MAX_ALIAS_CHARS, MAX_ALIASES, MAX_DECIMAL_PRECISION, NameError, Property,
    PropertyName, SchemaName, Value, Violation, ViolationCode, Warnings,
};

const SCHEMA_KEYS: [&str; 5] = ["name", "description", "properties", "unique", "id_from"];
const PROPERTY_KEYS: [&str; 22] = [
    "name",
    "aliases",
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
    "time_zone",
    "ambiguous",
    "formats",
    "null_tokens",
    "true_tokens",
    "false_tokens",
    "decimal_separator",
    "trim",
    "truncate",
    "stringify",
];
const CONSTRAINT_KEYS: [&str; 7] = ["min_length", "max_length", "pattern", "characters", "enum", "minimum", "maximum"];
const WARNING_KEYS: [&str; 8] =
    ["required", "min_length", "max_length", "pattern", "characters", "enum", "minimum", "maximum"];

pub(super) fn definition(document: &Json, mut report: Report) -> Result<SchemaDefinition, Vec<Violation>> {
    let Some(object) = report.object("", document, &SCHEMA_KEYS) else {
        return Err(report.into_violations());
    };
    let name = report.name("/name", object.get("name"), SchemaName::parse);
    let description = report.description("/description", object.get("description"));
    let properties = report.properties(object.get("properties"));
    let unique_keys = report.unique_keys(object.get("unique"), &properties);
    let id_source = report.id_source("/id_from", object.get("id_from"), &properties);
    match (name, report.is_empty()) {
        (Some(name), true) => Ok(SchemaDefinition { name, description, properties, unique_keys, id_source }),
        _ => Err(report.into_violations()),
    }
}

impl Report {
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

    /// The place of the property that record ids are made of.
    fn id_source(&mut self, pointer: &str, value: Option<&Json>, properties: &[Property]) -> Option<usize> {
        let name = match value {
            None | Some(Json::Null) => return None,
            Some(Json::String(name)) => name,
            Some(other) => {
                self.mismatch(pointer, "string", other);
                return None;
            }
        };
        let place = self.place_of(pointer, name, properties)?;
        if properties[place].is_required {
            return Some(place);
        }
        let detail = "ids are made of a property that is `required`, so that every record has one";
        self.add(pointer, ViolationCode::InvalidConstraint, detail);
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
        let mut places = Vec::with_capacity(list.len());
        for (index, document) in list.iter().enumerate() {
            let pointer = format!("/properties/{index}");
            let Some(property) = self.property(&pointer, document) else { continue };
            if let Some(first) = first_places.insert(property.name.key(), index) {
                let detail =
                    format!("`{}` is already the name of /properties/{first}; case does not count", property.name);
                self.add(&format!("{pointer}/name"), ViolationCode::DuplicateName, detail);
            }
            properties.push(property);
            places.push(index);
        }
        self.distinct_aliases(&properties, &places);
        properties
    }

    fn property(&mut self, pointer: &str, document: &Json) -> Option<Property> {
        let object = self.object(pointer, document, &PROPERTY_KEYS)?;
        let at = |key: &str| format!("{pointer}/{key}");
        let name = self.name(&at("name"), object.get("name"), PropertyName::parse);
        let aliases = self.aliases(&at("aliases"), object.get("aliases"));
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
        let dialect = self.dialect(pointer, data_type, object);
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
            aliases,
            data_type,
            is_required,
            is_indexed,
            is_unique,
            description,
            default,
            constraints,
            dialect,
            warnings,
        })
    }

    /// The list of aliases of a property, each once in it.
    fn aliases(&mut self, pointer: &str, value: Option<&Json>) -> Vec<String> {
        let list = match value {
            None | Some(Json::Null) => return Vec::new(),
            Some(Json::Array(list)) => list,
            Some(other) => {
                self.mismatch(pointer, "array", other);
                return Vec::new();
            }
        };
        if list.len() > MAX_ALIASES {
            let detail = format!("a property has at most {MAX_ALIASES} aliases, this one has {}", list.len());
            self.add(pointer, ViolationCode::WrongCount, detail);
            return Vec::new();
        }
        let mut aliases: Vec<String> = Vec::with_capacity(list.len());
        for (index, alias) in list.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            match alias {
                Json::String(alias) if alias.chars().count() > MAX_ALIAS_CHARS => {
                    let detail = format!("an alias has at most {MAX_ALIAS_CHARS} characters");
                    self.add(&at, ViolationCode::TooLong, detail);
                }
                Json::String(alias) if aliases.contains(alias) => {
                    self.add(&at, ViolationCode::DuplicateName, "the property has the alias already");
                }
                Json::String(alias) => aliases.push(alias.clone()),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                    self.mismatch(&at, "string", alias);
                }
            }
        }
        aliases
    }

    /// Reports aliases that are exactly the name or an alias of another property. `places` are those of the properties in the
    /// document.
    fn distinct_aliases(&mut self, properties: &[Property], places: &[usize]) {
        let names = properties.iter().enumerate().map(|(index, property)| (property.name.as_str(), index));
        let mut owners: HashMap<&str, usize> = names.collect();
        for (index, property) in properties.iter().enumerate() {
            for (alias_index, alias) in property.aliases.iter().enumerate() {
                let owner = *owners.entry(alias).or_insert(index);
                if owner != index {
                    let pointer = format!("/properties/{}/aliases/{alias_index}", places[index]);
                    let detail = format!(
                        "`{}` is already the name or an alias of /properties/{}",
                        abbreviate(alias),
                        places[owner]
                    );
                    self.add(&pointer, ViolationCode::DuplicateName, detail);
                }
            }
        }
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
        match DataType::of_name(name) {
            Some(DataType::Decimal { .. }) => self.decimal(pointer, object),
            Some(data_type) => Some(data_type),
            None => {
                let hint = self.hint(name, DataType::NAMES.iter().copied()).map_or_else(
                    || format!("the types are {}", DataType::NAMES.join(", ")),
                    |name| format!("did you mean `{name}`?"),
                );
                let detail = format!("there is no type `{}`; {hint}", abbreviate(name));
                self.add(&at("type"), ViolationCode::UnknownType, detail);
                None
            }
        }
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
                "min_length" | "max_length" | "pattern" | "characters" => data_type.family() == Family::Text,
                "minimum" | "maximum" => data_type.has_limits(),
                "enum" => data_type.is_comparable() && data_type.family() != Family::Boolean,
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
                "pattern" => {
                    constraints.pattern = self.text(&at, Some(value)).and_then(|text| self.pattern(&at, text));
                }
                "characters" => {
                    constraints.characters = self.text(&at, Some(value)).and_then(|text| self.characters(&at, text));
                }
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

    fn allowed(&mut self, pointer: &str, data_type: DataType, value: &Json) -> Vec<Value> {
        let Some(list) = value.as_array().filter(|list| !list.is_empty()) else {
            self.add(pointer, ViolationCode::InvalidConstraint, "`enum` is a list of at least one value");
            return Vec::new();
        };
        let values = list.iter().enumerate();
        let parsed = values.map(|(index, value)| {
            self.value(&format!("{pointer}/{index}"), data_type, value, ViolationCode::InvalidConstraint)
        });
        parsed.collect::<Vec<_>>().into_iter().flatten().collect()
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
}
