//! The keys of several properties of a definition.

use serde_json::Value as Json;

use crate::schema::Report;
use crate::{MAX_KEY_PROPERTIES, MAX_UNIQUE_KEYS, Property, Severity, UniqueKey, ViolationCode};

const KEYS: [&str; 2] = ["properties", "severity"];

impl Report {
    /// The list at `/unique`. Of a definition with other violations `properties` are those that have none.
    pub(super) fn unique_keys(&mut self, value: Option<&Json>, properties: &[Property]) -> Vec<UniqueKey> {
        let list = match value {
            None | Some(Json::Null) => return Vec::new(),
            Some(Json::Array(list)) => list,
            Some(other) => {
                self.mismatch("/unique", "array", other);
                return Vec::new();
            }
        };
        if list.len() > MAX_UNIQUE_KEYS {
            let detail = format!("a schema has at most {MAX_UNIQUE_KEYS} such keys, this one has {}", list.len());
            self.add("/unique", ViolationCode::WrongCount, detail);
            return Vec::new();
        }
        let mut keys: Vec<UniqueKey> = Vec::new();
        for (index, document) in list.iter().enumerate() {
            let pointer = format!("/unique/{index}");
            let Some(key) = self.unique_key(&pointer, document, properties) else { continue };
            if keys.iter().any(|other| is_permutation(&other.properties, &key.properties)) {
                self.add(&pointer, ViolationCode::InvalidConstraint, "there is a key of these properties already");
            }
            keys.push(key);
        }
        keys
    }

    fn unique_key(&mut self, pointer: &str, document: &Json, properties: &[Property]) -> Option<UniqueKey> {
        let object = self.object(pointer, document, &KEYS)?;
        let severity = self.severity(&format!("{pointer}/severity"), object.get("severity"));
        let pointer = format!("{pointer}/properties");
        let names = match object.get("properties") {
            Some(Json::Array(names)) => names,
            None | Some(Json::Null) => {
                self.add(&pointer, ViolationCode::RequiredMissing, "a key needs properties");
                return None;
            }
            Some(other) => {
                self.mismatch(&pointer, "array", other);
                return None;
            }
        };
        let least = if severity == Severity::Error { 2 } else { 1 };
        if !(least..=MAX_KEY_PROPERTIES).contains(&names.len()) {
            let hint = if names.len() == 1 { "; one alone is unique by its `is_unique`" } else { "" };
            let detail =
                format!("such a key has {least} to {MAX_KEY_PROPERTIES} properties, this one {}{hint}", names.len());
            self.add(&pointer, ViolationCode::WrongCount, detail);
            return None;
        }
        let mut places = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let place = self.key_property(&format!("{pointer}/{index}"), name, properties)?;
            if places.contains(&place) {
                let detail = "the key has the property already; case does not count";
                self.add(&format!("{pointer}/{index}"), ViolationCode::DuplicateName, detail);
                return None;
            }
            places.push(place);
        }
        Some(UniqueKey { properties: places, severity })
    }

    /// The place of a property that a key can have.
    fn key_property(&mut self, pointer: &str, name: &Json, properties: &[Property]) -> Option<usize> {
        let Json::String(name) = name else {
            self.mismatch(pointer, "string", name);
            return None;
        };
        let place = self.place_of(pointer, name, properties)?;
        let data_type = properties[place].data_type;
        if !data_type.is_comparable() {
            let detail = format!("a property of type `{data_type}` cannot be part of a key");
            self.add(pointer, ViolationCode::NotIndexable, detail);
            return None;
        }
        Some(place)
    }
}

fn is_permutation(one: &[usize], other: &[usize]) -> bool {
    one.len() == other.len() && one.iter().all(|place| other.contains(place))
}
