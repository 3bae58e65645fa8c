//! What bodies and answers about schemas look like.
#![expect(dead_code, reason = "the types are described, not made")]

use std::collections::BTreeMap;

use serde_json::Value as Json;
use utoipa::ToSchema;

/// A schema as its author writes it.
#[derive(ToSchema)]
pub(crate) struct SchemaDefinition {
    /// Compared without regard to case; not `bulk` or `infer`.
    #[schema(pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    name: String,
    #[schema(max_length = 2000)]
    description: Option<String>,
    #[schema(min_items = 1, max_items = 1000)]
    properties: Vec<Property>,
    /// What no two records may share.
    #[schema(max_items = 10)]
    unique: Option<Vec<UniqueKey>>,
}

/// Properties whose values, taken together, no two records may share; a record in which one is null has no key.
#[derive(ToSchema)]
pub(crate) struct UniqueKey {
    /// Names, each once: 2 to 8, of a warning also one.
    #[schema(min_items = 1, max_items = 8)]
    properties: Vec<String>,
    severity: Option<Severity>,
}

/// Whether what breaks it is refused, or only counted.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Severity {
    Error,
    Warning,
}

/// A property of a schema.
#[derive(ToSchema)]
pub(crate) struct Property {
    /// Unique in its schema without regard to case; not `id`, `created_at`, `updated_at` or `version`.
    #[schema(pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    name: String,
    r#type: PropertyType,
    /// Null is refused, and so is a missing value unless there is a default.
    #[schema(nullable = false)]
    required: Option<bool>,
    /// An index for equality; not for `object` and `array`.
    #[schema(nullable = false)]
    is_indexed: Option<bool>,
    /// A second record with the value is refused; not for `object` and `array`.
    #[schema(nullable = false)]
    is_unique: Option<bool>,
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Takes the place of a missing value; a value of the type that satisfies the constraints.
    default: Option<Json>,
    #[schema(inline = false)]
    constraints: Option<Constraints>,
    #[schema(inline = false)]
    warnings: Option<Warnings>,
    /// Digits in all of a `decimal`, which needs it; of no other type.
    #[schema(nullable = false, minimum = 1, maximum = 38)]
    precision: Option<u8>,
    /// Digits after the point of a `decimal`, which needs it; of no other type.
    #[schema(nullable = false, minimum = 0, maximum = 38)]
    scale: Option<u8>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum PropertyType {
    String,
    Integer,
    Number,
    Decimal,
    Boolean,
    Date,
    Time,
    Datetime,
    Uuid,
    Object,
    Array,
}

/// What values must satisfy beyond their type; limits are inclusive.
#[derive(ToSchema)]
pub(crate) struct Constraints {
    /// Fewest characters; of a `string`.
    #[schema(nullable = false, minimum = 0)]
    min_length: Option<u64>,
    /// Most characters; of a `string`.
    #[schema(nullable = false, minimum = 0)]
    max_length: Option<u64>,
    /// Matches anywhere in a `string`; the syntax of Rust's `regex`.
    #[schema(nullable = false)]
    pattern: Option<String>,
    /// The characters that a `string` may have, with ranges: `A-Z0-9 _-`.
    #[schema(nullable = false)]
    characters: Option<String>,
    /// The values allowed; not of `boolean`, `object`, `array`.
    #[schema(nullable = false, min_items = 1)]
    r#enum: Option<Vec<Json>>,
    /// Of numbers, dates and times.
    #[schema(nullable = false)]
    minimum: Option<Json>,
    /// Of numbers, dates and times.
    #[schema(nullable = false)]
    maximum: Option<Json>,
}

/// What values should satisfy; a record that does not is stored, and counted.
#[derive(ToSchema)]
pub(crate) struct Warnings {
    /// Null should not be.
    #[schema(nullable = false)]
    required: Option<bool>,
    #[schema(nullable = false, minimum = 0)]
    min_length: Option<u64>,
    #[schema(nullable = false, minimum = 0)]
    max_length: Option<u64>,
    #[schema(nullable = false)]
    pattern: Option<String>,
    #[schema(nullable = false)]
    characters: Option<String>,
    #[schema(nullable = false, min_items = 1)]
    r#enum: Option<Vec<Json>>,
    #[schema(nullable = false)]
    minimum: Option<Json>,
    #[schema(nullable = false)]
    maximum: Option<Json>,
}

/// A schema as it is stored.
#[derive(ToSchema)]
pub(crate) struct StoredSchema {
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    properties: Vec<Property>,
    #[schema(nullable = false)]
    unique: Option<Vec<UniqueKey>>,
    /// How often it was written; 1 when created.
    #[schema(minimum = 1)]
    version: u32,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A change of a schema.
#[derive(ToSchema)]
pub(crate) struct SchemaChange {
    /// `null` takes it away.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Names of properties that go, with their values.
    drop: Option<Vec<String>>,
    /// By the name of a property what is merged into it (RFC 7396); `name` renames it.
    change: Option<BTreeMap<String, PropertyChange>>,
    /// Properties that come, with their default in every record.
    add: Option<Vec<Property>>,
    /// All keys of several properties, by their names after the change.
    #[schema(max_items = 10)]
    unique: Option<Vec<UniqueKey>>,
}

/// What is merged into a property; `null` takes away what it stands for.
#[derive(ToSchema)]
pub(crate) struct PropertyChange {
    #[schema(nullable = false, pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    name: Option<String>,
    /// One that is as wide as the type before.
    #[schema(nullable = false)]
    r#type: Option<PropertyType>,
    required: Option<bool>,
    is_indexed: Option<bool>,
    is_unique: Option<bool>,
    #[schema(max_length = 2000)]
    description: Option<String>,
    default: Option<Json>,
    /// Merged too: what is not spoken of stays.
    constraints: Option<Json>,
    /// Merged as `constraints` are.
    warnings: Option<Json>,
    #[schema(minimum = 1, maximum = 38)]
    precision: Option<u8>,
    #[schema(minimum = 0, maximum = 38)]
    scale: Option<u8>,
}

/// A schema after a change.
#[derive(ToSchema)]
pub(crate) struct EvolvedSchema {
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    properties: Vec<Property>,
    #[schema(nullable = false)]
    unique: Option<Vec<UniqueKey>>,
    #[schema(minimum = 1)]
    version: u32,
    #[schema(format = DateTime)]
    created_at: String,
    /// Whether nothing was changed, and this is what would be.
    dry_run: bool,
}

/// A schema as it was from a time on.
#[derive(ToSchema)]
pub(crate) struct SchemaVersion {
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    properties: Vec<Property>,
    #[schema(nullable = false)]
    unique: Option<Vec<UniqueKey>>,
    #[schema(minimum = 1)]
    version: u32,
    /// When it came into force.
    #[schema(format = DateTime)]
    since: String,
}

#[derive(ToSchema)]
pub(crate) struct SchemaVersions {
    data: Vec<SchemaVersion>,
}

/// A schema among others.
#[derive(ToSchema)]
pub(crate) struct ListedSchema {
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    properties: Vec<Property>,
    #[schema(nullable = false)]
    unique: Option<Vec<UniqueKey>>,
    /// How often it was written; 1 when created.
    #[schema(minimum = 1)]
    version: u32,
    #[schema(format = DateTime)]
    created_at: String,
    /// Present with `statistics`.
    #[schema(nullable = false)]
    record_count: Option<u64>,
}

#[derive(ToSchema)]
pub(crate) struct SchemaList {
    data: Vec<ListedSchema>,
}

/// A schema and what it holds.
#[derive(ToSchema)]
pub(crate) struct SchemaDescription {
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    properties: Vec<Property>,
    #[schema(nullable = false)]
    unique: Option<Vec<UniqueKey>>,
    #[schema(minimum = 1)]
    version: u32,
    #[schema(format = DateTime)]
    created_at: String,
    record_count: u64,
    /// On disk, without indexes.
    size_bytes: u64,
    indexes: Vec<Index>,
    identity: Identity,
}

#[derive(ToSchema)]
pub(crate) struct Index {
    /// One, or those of a key of several.
    properties: Vec<String>,
    unique: bool,
}

/// How ids are made and kept unique.
#[derive(ToSchema)]
pub(crate) struct Identity {
    id_type: String,
    index: String,
    generated_ids: IdentityCheck,
    given_ids: IdentityCheck,
    filter_bytes: u64,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum IdentityCheck {
    ByConstruction,
    Scan,
    FilterThenScan,
}
