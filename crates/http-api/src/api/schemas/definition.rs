//! What an author writes: definitions of schemas, and changes of them. The domain reads both and says what is wrong with them.
#![expect(dead_code, reason = "the domain reads them")]

use std::collections::BTreeMap;

use eider_domain::DataType;
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::api::openapi::named;

/// A schema as its author writes it.
#[derive(ToSchema)]
pub(crate) struct SchemaDefinition {
    /// Compared without regard to case; not `bulk` or `infer`.
    #[schema(pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    name: String,
    #[schema(max_length = 2000)]
    description: Option<String>,
    #[schema(min_items = 1, max_items = 10000)]
    properties: Vec<Property>,
    /// What no two records may share.
    #[schema(max_items = 10)]
    unique: Option<Vec<UniqueKey>>,
    /// A property that is required: the id of a record that gives none is made of its value (a UUID of version 5).
    id_from: Option<String>,
}

/// Properties whose values, taken together, no two records may share; a record in which one is null has no key.
#[derive(ToSchema)]
pub(crate) struct UniqueKey {
    /// Names, each once: 2 to 8, of a warning also one.
    #[schema(min_items = 1, max_items = 8)]
    properties: Vec<String>,
    severity: Option<Severity>,
}

named! {
    /// Whether what breaks it is refused, or only counted.
    Severity, eider_domain::Severity::ALL.map(eider_domain::Severity::name)
}

named! {
    PropertyType, DataType::NAMES.iter().copied()
}

named! {
    Ambiguous, eider_domain::Ambiguous::NAMES.iter().copied()
}

named! {
    DecimalSeparator, [".", ","].into_iter()
}

/// A property of a schema.
#[derive(ToSchema)]
pub(crate) struct Property {
    /// Any text without control characters. Unique in its schema without regard to ASCII case; not `id`, `created_at`,
    /// `updated_at` or `version`.
    #[schema(min_length = 1, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    name: String,
    /// What it is called in incoming data, beside its name: any texts, compared exactly before they are without regard to
    /// case; none is another property's name or alias.
    #[schema(max_items = 16)]
    aliases: Option<Vec<String>>,
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
    /// The IANA name of the zone in which times without an offset are meant; of a `datetime`.
    #[schema(max_length = 100)]
    time_zone: Option<String>,
    /// Which instant is meant by a time that clocks show twice or never; of a `datetime` with `time_zone`.
    ambiguous: Option<Ambiguous>,
    /// The forms of incoming values, tried in this order: `rfc3339`, `epoch_seconds`, `epoch_millis`, `epoch_micros`,
    /// `epoch_nanos` or patterns of `strftime`; of a `date`, `time` or `datetime`.
    #[schema(min_items = 1, max_items = 32)]
    formats: Option<Vec<String>>,
    /// Texts that stand for null; not of an `object` or `array`.
    #[schema(min_items = 1, max_items = 32)]
    null_tokens: Option<Vec<String>>,
    /// Texts that stand for true beside `true`; of a `boolean`.
    #[schema(min_items = 1, max_items = 32)]
    true_tokens: Option<Vec<String>>,
    /// Texts that stand for false beside `false`; of a `boolean`.
    #[schema(min_items = 1, max_items = 32)]
    false_tokens: Option<Vec<String>>,
    /// What stands between the whole and the fraction; of an `integer`, `number` or `decimal`.
    decimal_separator: Option<DecimalSeparator>,
    /// White space around texts goes; not of an `object` or `array`.
    trim: Option<bool>,
    /// Digits of a second beyond microseconds go; of a `time` or `datetime`.
    truncate: Option<bool>,
    /// Values of JSON that are no texts are kept as their JSON; of a `string`.
    stringify: Option<bool>,
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

/// What an answer repeats of the definition of a schema.
#[derive(ToSchema)]
pub(crate) struct Defined {
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    properties: Vec<Property>,
    #[schema(nullable = false)]
    unique: Option<Vec<UniqueKey>>,
    /// The property that ids are made of.
    #[schema(nullable = false)]
    id_from: Option<String>,
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
    /// The property that ids are made of from now on, by its name after the change; `null` for none.
    id_from: Option<String>,
}

/// What is merged into a property; `null` takes away what it stands for.
#[derive(ToSchema)]
pub(crate) struct PropertyChange {
    #[schema(nullable = false, min_length = 1, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    name: Option<String>,
    /// All aliases; those before go.
    #[schema(max_items = 16)]
    aliases: Option<Vec<String>>,
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
    #[schema(max_length = 100)]
    time_zone: Option<String>,
    ambiguous: Option<Ambiguous>,
    #[schema(min_items = 1, max_items = 32)]
    formats: Option<Vec<String>>,
    #[schema(min_items = 1, max_items = 32)]
    null_tokens: Option<Vec<String>>,
    #[schema(min_items = 1, max_items = 32)]
    true_tokens: Option<Vec<String>>,
    #[schema(min_items = 1, max_items = 32)]
    false_tokens: Option<Vec<String>>,
    decimal_separator: Option<DecimalSeparator>,
    trim: Option<bool>,
    truncate: Option<bool>,
    stringify: Option<bool>,
}
