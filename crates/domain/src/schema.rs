//! A schema: the typed properties that its records have.

mod constraints;
mod definition;
mod field;
mod index;
mod patterns;
mod property;
mod reading;
mod report;
mod source_names;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Schema as ArrowSchema, SchemaRef};

use uuid::Uuid;

pub use constraints::Constraints;
pub use definition::{MAX_DESCRIPTION_CHARS, MAX_PROPERTIES, SchemaDefinition};
pub use field::{Field, SystemField, UnknownField};
pub use index::{Index, MAX_KEY_PROPERTIES, MAX_UNIQUE_KEYS, UniqueKey, listed};
pub use property::{Property, Warnings};
pub use reading::MAX_KEPT_VERSION;
pub(crate) use report::Report;
pub use source_names::{MAX_ALIAS_CHARS, MAX_ALIASES, NameMeaning, NameRuleError, NameRules, SourceName, SourceNames};

use crate::names::abbreviate;
use crate::{SchemaName, Severity, Timestamp, nearest};

/// Columns of a record batch that come before the properties.
pub const RECORD_FIELD_COUNT: usize = SystemField::ALL.len();

/// A schema as the catalog holds it. It cannot be built invalid: it comes from a [`SchemaDefinition`].
///
/// ```
/// use eider_domain::{Schema, SchemaDefinition, Timestamp};
/// use serde_json::json;
///
/// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]});
/// let definition = SchemaDefinition::parse(&document).expect("a valid definition");
/// let schema = Schema::new(definition, 1, Timestamp::from_micros(0));
///
/// // A record has the fields of the server, then the properties.
/// let names: Vec<&str> = schema.arrow().fields().iter().map(|field| field.name().as_str()).collect();
/// assert_eq!(names, ["id", "created_at", "updated_at", "version", "delay"]);
/// assert!(schema.field("DELAY").is_ok(), "names are compared without regard to case");
/// ```
#[derive(Debug)]
pub struct Schema {
    definition: SchemaDefinition,
    version: u32,
    created_at: Timestamp,
    /// What tells the store from every other, and from itself before it was restored from a backup.
    store: Uuid,
    property_ids: Vec<u64>,
    arrow: SchemaRef,
    positions: HashMap<String, usize>,
    source_names: Arc<SourceNames>,
}

impl Schema {
    /// A schema from its definition, at a version (1 when created) and with the time of its creation.
    pub fn new(definition: SchemaDefinition, version: u32, created_at: Timestamp) -> Self {
        let system = SystemField::ALL.map(|field| field.data_type().arrow_field(field.name(), false));
        let properties = definition.properties().iter();
        let columns = properties.map(|p| p.data_type.arrow_field(p.name.as_str(), !p.is_required));
        let arrow = Arc::new(ArrowSchema::new(system.into_iter().chain(columns).collect::<Vec<_>>()));
        let positions = definition.properties().iter().enumerate().map(|(i, p)| (p.name.key(), i)).collect();
        let property_ids = (0..).take(definition.properties().len()).collect();
        let source_names = Arc::new(SourceNames::of_schema(definition.properties()));
        Self { definition, version, created_at, store: Uuid::nil(), property_ids, arrow, positions, source_names }
    }

    /// The same schema in a store of this identity.
    #[must_use]
    pub fn in_store(self, store: Uuid) -> Self {
        Self { store, ..self }
    }

    /// The same schema, whose properties have these ids, in their order; without any they keep those of a first
    /// version.
    #[must_use]
    pub fn with_property_ids(self, ids: Vec<u64>) -> Self {
        if ids.is_empty() { self } else { Self { property_ids: ids, ..self } }
    }

    /// The next version of this schema, whose properties have these ids.
    pub(crate) fn next(&self, definition: SchemaDefinition, property_ids: Vec<u64>) -> Self {
        Self::new(definition, self.version + 1, self.created_at).in_store(self.store).with_property_ids(property_ids)
    }

    /// What tells each property from all others that the schema has had, in the order of the properties: in the upper
    /// half the version that added it, 0 for one of the first, and below it its place then.
    pub fn property_ids(&self) -> &[u64] {
        &self.property_ids
    }

    /// The place of the property of an id.
    pub fn property_of_id(&self, id: u64) -> Option<usize> {
        self.property_ids.iter().position(|known| *known == id)
    }

    /// A text that no other schema has: one made anew under an old name, or the one of a store that was restored,
    /// differs.
    pub fn identity(&self) -> String {
        format!("{} {} {}", self.store.simple(), self.name().key(), self.created_at.as_micros())
    }

    /// What its author wrote.
    pub fn definition(&self) -> &SchemaDefinition {
        &self.definition
    }

    /// The schema's name.
    pub fn name(&self) -> &SchemaName {
        self.definition.name()
    }

    /// The properties, in the order of the definition.
    pub fn properties(&self) -> &[Property] {
        self.definition.properties()
    }

    /// How often the schema has been written; 1 when created.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// When the schema was created.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Whether both are the same schema, if perhaps not the same version of it.
    pub fn is_version_of(&self, other: &Self) -> bool {
        self.name().key() == other.name().key() && self.created_at == other.created_at
    }

    /// Whether a record that was found valid under another version is so under this one: nothing that concerns its
    /// columns has changed.
    pub fn accepts_records_of(&self, other: &Self) -> bool {
        let is_same = |one: &Property, other: &Property| {
            one.name == other.name
                && one.data_type == other.data_type
                && one.is_required == other.is_required
                && one.is_unique == other.is_unique
                && one.constraints == other.constraints
        };
        self.is_version_of(other)
            && self.keys(Severity::Error).eq(other.keys(Severity::Error))
            && self.properties().len() == other.properties().len()
            && self.properties().iter().zip(other.properties()).all(|(one, other)| is_same(one, other))
    }

    /// The Arrow schema of whole records: `id`, `created_at`, `updated_at`, `version` (none nullable), then
    /// the properties in schema order, nullable unless required.
    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    /// The place of a property by name, without regard to case.
    pub fn property_index(&self, name: &str) -> Option<usize> {
        self.positions.get(name).or_else(|| self.positions.get(&name.to_ascii_lowercase())).copied()
    }

    /// The place of the property that record ids are made of, where a record does not give one.
    pub fn id_source(&self) -> Option<usize> {
        self.definition.id_source()
    }

    /// What the aliases of properties stand for in incoming data.
    pub fn source_names(&self) -> &Arc<SourceNames> {
        &self.source_names
    }

    /// The field of a name, without regard to case: one of the record's own or a property.
    ///
    /// # Errors
    /// [`UnknownField`] with the nearest name there is.
    pub fn field(&self, name: &str) -> Result<Field, UnknownField> {
        let system = SystemField::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name));
        if let Some(field) = system {
            return Ok(Field::System(field));
        }
        match self.property_index(name) {
            Some(index) => Ok(self.property_field(index)),
            None => Err(self.unknown_field(name)),
        }
    }

    /// Every field of a record, in record order.
    pub fn fields(&self) -> Vec<Field> {
        let system = SystemField::ALL.into_iter().map(Field::System);
        system.chain((0..self.properties().len()).map(|index| self.property_field(index))).collect()
    }

    /// The indexes that the schema asks for: those on one property, in the order of the properties, and those of the
    /// keys of several. One index serves a property that is both indexed and unique.
    pub fn indexes(&self) -> Vec<Index> {
        let properties = self.properties().iter().enumerate().filter(|(_, property)| property.has_index());
        let single = properties
            .map(|(index, property)| Index { fields: vec![self.property_field(index)], is_unique: property.is_unique });
        let keys = self.keys(Severity::Error).map(|key| Index { fields: self.fields_of(key), is_unique: true });
        single.chain(keys).collect()
    }

    /// The fields of a key of several properties, in its order.
    pub fn fields_of(&self, key: &UniqueKey) -> Vec<Field> {
        key.properties.iter().map(|index| self.property_field(*index)).collect()
    }

    /// The fields of each key that no two records should share, but may.
    pub fn soft_unique_keys(&self) -> Vec<Vec<Field>> {
        self.keys(Severity::Warning).map(|key| self.fields_of(key)).collect()
    }

    fn keys(&self, severity: Severity) -> impl Iterator<Item = &UniqueKey> {
        self.definition.unique_keys().iter().filter(move |key| key.severity == severity)
    }

    pub(crate) fn property_field(&self, index: usize) -> Field {
        let property = &self.properties()[index];
        Field::Property { name: property.name.clone(), data_type: property.data_type, index }
    }

    fn unknown_field(&self, name: &str) -> UnknownField {
        let known = SystemField::ALL.into_iter().map(|field| -> &str { field.name() });
        let known = known.chain(self.properties().iter().map(|p| p.name.as_str()));
        UnknownField { name: abbreviate(name), suggestion: nearest(name, known).map(str::to_owned) }
    }
}
