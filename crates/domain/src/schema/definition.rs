//! What the author of a schema writes, parsed from and written to JSON.

mod dialect;
mod parse;
mod unique_keys;

use serde_json::{Map, Value as Json, json};

use crate::schema::Report;
use crate::{Constraints, DataType, Property, SchemaName, UniqueKey, Violation, ViolationCode};

/// More properties no schema may have. A server is set to fewer.
pub const MAX_PROPERTIES: usize = 10_000;
/// Longest description of a schema or a property, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 2_000;

/// A valid definition: at least one property, no name twice, constraints and defaults that fit their types.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaDefinition {
    name: SchemaName,
    description: Option<String>,
    properties: Vec<Property>,
    unique_keys: Vec<UniqueKey>,
    /// The place of a property.
    id_source: Option<usize>,
}

impl SchemaDefinition {
    /// Parses a definition from its JSON form.
    ///
    /// ```
    /// use eider_domain::SchemaDefinition;
    /// use serde_json::json;
    ///
    /// let document = json!({"name": "flights", "properties": [
    ///     {"name": "carrier", "type": "string", "required": true},
    ///     {"name": "delay", "type": "integer"}]});
    /// let definition = SchemaDefinition::parse(&document).expect("a valid definition");
    /// assert_eq!(definition.properties()[1].name.as_str(), "delay");
    ///
    /// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "int"}]});
    /// let violations = SchemaDefinition::parse(&document).expect_err("there is no such type");
    /// assert_eq!(violations[0].pointer, "/properties/0/type");
    /// ```
    ///
    /// # Errors
    /// Every violation found, each with a JSON Pointer into `document`.
    pub fn parse(document: &Json) -> Result<Self, Vec<Violation>> {
        parse::definition(document, Report::default())
    }

    /// Parses a definition that was accepted before, whatever its patterns cost by now.
    ///
    /// # Errors
    /// As [`SchemaDefinition::parse`].
    pub fn parse_accepted(document: &Json) -> Result<Self, Vec<Violation>> {
        parse::definition(document, Report::of_accepted())
    }

    /// The same definition, whose properties have been changed and stand at the same places.
    pub(super) fn with_properties(&self, change: impl FnOnce(&mut Vec<Property>)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.properties);
        changed
    }

    /// The schema's name.
    pub fn name(&self) -> &SchemaName {
        &self.name
    }

    /// For people.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// 1 to [`MAX_PROPERTIES`] properties with different names.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// What no two records may share beyond the values of properties that are unique by themselves.
    pub fn unique_keys(&self) -> &[UniqueKey] {
        &self.unique_keys
    }

    /// A violation for each unique property and each unique key, soft ones too: why a store that does not enforce keys
    /// refuses the definition.
    pub fn unsupported_keys(&self) -> Vec<Violation> {
        const DETAIL: &str = "the store behind this server cannot keep values from coming twice";
        let unique = self.properties.iter().enumerate().filter(|(_, property)| property.is_unique);
        let properties = unique.map(|(index, _)| format!("/properties/{index}/is_unique"));
        let keys = (0..self.unique_keys.len()).map(|index| format!("/unique/{index}"));
        let pointers = properties.chain(keys);
        pointers.map(|pointer| Violation::new(pointer, ViolationCode::UnsupportedKey, DETAIL)).collect()
    }

    /// The place of the property that record ids are made of, where a record does not give one; it is required.
    pub fn id_source(&self) -> Option<usize> {
        self.id_source
    }

    /// The JSON form, which [`SchemaDefinition::parse`] reads back as the same definition.
    pub fn to_json(&self) -> Json {
        let mut document = Map::new();
        document.insert("name".into(), self.name.as_str().into());
        if let Some(description) = &self.description {
            document.insert("description".into(), description.as_str().into());
        }
        document.insert("properties".into(), self.properties.iter().map(property_json).collect());
        if !self.unique_keys.is_empty() {
            let keys = self.unique_keys.iter().map(|key| self.unique_key_json(key)).collect();
            document.insert("unique".into(), keys);
        }
        if let Some(place) = self.id_source {
            document.insert("id_from".into(), self.properties[place].name.as_str().into());
        }
        Json::Object(document)
    }

    fn unique_key_json(&self, key: &UniqueKey) -> Json {
        let names = key.properties.iter().map(|index| self.properties[*index].name.as_str());
        json!({"properties": names.collect::<Vec<_>>(), "severity": key.severity.name()})
    }
}

fn property_json(property: &Property) -> Json {
    let mut document = Map::new();
    document.insert("name".into(), property.name.as_str().into());
    if !property.aliases.is_empty() {
        document.insert("aliases".into(), property.aliases.as_slice().into());
    }
    document.insert("type".into(), property.data_type.name().into());
    if let DataType::Decimal { precision, scale } = property.data_type {
        document.insert("precision".into(), precision.into());
        document.insert("scale".into(), scale.into());
    }
    document.insert("required".into(), property.is_required.into());
    document.insert("is_indexed".into(), property.is_indexed.into());
    document.insert("is_unique".into(), property.is_unique.into());
    if let Some(description) = &property.description {
        document.insert("description".into(), description.as_str().into());
    }
    if let Some(default) = &property.default {
        document.insert("default".into(), default.to_json(property.data_type));
    }
    if let Some(dialect) = &property.dialect {
        dialect::add_members(dialect, &mut document);
    }
    if !property.constraints.is_empty() {
        document.insert("constraints".into(), constraints_json(property.data_type, &property.constraints).into());
    }
    if !property.warnings.is_empty() {
        let mut warnings = constraints_json(property.data_type, &property.warnings.constraints);
        if property.warnings.is_required {
            warnings.insert("required".into(), true.into());
        }
        document.insert("warnings".into(), warnings.into());
    }
    Json::Object(document)
}

fn constraints_json(data_type: DataType, constraints: &Constraints) -> Map<String, Json> {
    let mut document = Map::new();
    if let Some(least) = constraints.min_length {
        document.insert("min_length".into(), least.into());
    }
    if let Some(most) = constraints.max_length {
        document.insert("max_length".into(), most.into());
    }
    if let Some(pattern) = &constraints.pattern {
        document.insert("pattern".into(), pattern.as_str().into());
    }
    if let Some(characters) = &constraints.characters {
        document.insert("characters".into(), characters.as_str().into());
    }
    if !constraints.allowed.is_empty() {
        let allowed = constraints.allowed.iter().map(|value| value.to_json(data_type)).collect();
        document.insert("enum".into(), allowed);
    }
    if let Some(minimum) = &constraints.minimum {
        document.insert("minimum".into(), minimum.to_json(data_type));
    }
    if let Some(maximum) = &constraints.maximum {
        document.insert("maximum".into(), maximum.to_json(data_type));
    }
    document
}

#[cfg(test)]
mod tests;
