//! Schemas and their records.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_domain::{
    DataType, DialectOption, MAX_DECIMAL_PRECISION, MAX_PROPERTY_NAME_CHARS, Property, PropertyName, Schema,
    SchemaDefinition, Value,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::value::{instant, value};
use crate::batch::batch_of;

/// Names of properties that something may take for more: words of SQL and of the store's own columns, what separates names
/// and values in some grammar, text that looks like other text or like none.
const WORDS: [&str; 68] = [
    "select",
    "Order",
    "group",
    "table",
    "rowid",
    "sequence",
    "commit_seq",
    "default",
    "user",
    "x",
    "_id",
    "k",
    "n",
    "row",
    "$sequence",
    "$key0",
    "$0",
    "$value",
    "$error",
    "$$",
    "$a$",
    "a.b",
    "a,b",
    "a:b",
    "-a",
    "\"",
    "\"a\"",
    "a\"b",
    "--",
    "/*",
    "'",
    ";",
    "a;b",
    "[",
    "[2]",
    "a[2]",
    " ",
    " a ",
    "\u{a0}",
    "\u{3000}",
    "\u{feff}",
    "\u{feff}a",
    "\u{2028}",
    "\u{202e}a",
    "%",
    "%2C",
    "+",
    "&",
    "=",
    "#",
    "?",
    "/",
    "~",
    "~1",
    "\\",
    "名前",
    "Größe",
    "dep time",
    "e\u{301}",
    "\u{e9}",
    "É",
    "é",
    "🦆",
    "\u{10ffff}",
    "null",
    "true",
    "2013",
    "sep=;",
];

/// Any of the types, decimals of any precision and scale.
pub fn data_type() -> impl Strategy<Value = DataType> {
    let decimal = (1..=MAX_DECIMAL_PRECISION)
        .prop_flat_map(|precision| (Just(precision), 0..=precision))
        .prop_map(|(precision, scale)| DataType::Decimal { precision, scale });
    let kind = proptest::sample::select(DataType::STRICTEST_FIRST.to_vec());
    (kind, decimal).prop_map(|(kind, decimal)| if matches!(kind, DataType::Decimal { .. }) { decimal } else { kind })
}

/// A valid definition of 1 to 8 properties, with any names, some required, indexed or unique,
/// now and then the first two that are compared by their values together.
///
/// It has no constraints and no defaults: stores take records that have passed both.
pub fn definition() -> impl Strategy<Value = SchemaDefinition> {
    (vec(property(), 1..=8), flag()).prop_map(|(mut properties, has_key)| {
        let mut keys = HashSet::new();
        properties.retain(|property| keys.insert(property["name"].as_str().map(str::to_ascii_lowercase)));
        let compared = properties.iter().filter(|property| property.get("is_unique").is_some());
        let names: Vec<Json> = compared.map(|property| property["name"].clone()).take(2).collect();
        let unique = if has_key && names.len() == 2 { json!([{"properties": names}]) } else { json!([]) };
        parsed(&json!({"name": "generated", "properties": properties, "unique": unique}))
    })
}

fn parsed(document: &Json) -> SchemaDefinition {
    SchemaDefinition::parse(document).expect("the generator makes valid definitions")
}

fn property() -> impl Strategy<Value = Json> {
    let flags = (flag(), flag(), flag(), flag());
    (name(), data_type(), flags).prop_map(|(name, data_type, (is_required, is_indexed, is_unique, has_dialect))| {
        let mut document = json!({"name": name, "type": data_type.name(), "required": is_required});
        if data_type.is_comparable() {
            document["is_indexed"] = is_indexed.into();
            document["is_unique"] = is_unique.into();
        }
        for option in DialectOption::ALL.iter().filter(|option| has_dialect && option.applies_to(data_type)) {
            if let Some(value) = harmless(*option) {
                document[option.name()] = value;
            }
        }
        if let DataType::Decimal { precision, scale } = data_type {
            document["precision"] = precision.into();
            document["scale"] = scale.into();
        }
        document
    })
}

/// A value of an option with which the texts that Eider writes are read as they are.
fn harmless(option: DialectOption) -> Option<Json> {
    Some(match option {
        DialectOption::TimeZone => json!("Europe/Berlin"),
        DialectOption::Ambiguous => json!("later"),
        DialectOption::Formats => json!(["rfc3339"]),
        DialectOption::NullTokens => json!(["not available"]),
        DialectOption::TrueTokens => json!(["ja"]),
        DialectOption::FalseTokens => json!(["nein"]),
        DialectOption::DecimalSeparator => json!("."),
        // White space may be part of a text.
        DialectOption::Trim => return None,
        DialectOption::Truncate | DialectOption::Stringify => json!(true),
    })
}

/// True now and then.
fn flag() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.1)
}

/// The name of a property: a word that may be taken for more, a plain name, or text of all of Unicode.
pub fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        // The last letter keeps reserved names out.
        3 => "[A-Za-z][A-Za-z0-9_]{0,6}z",
        3 => "\\PC{1,8}",
        1 => vec(any::<char>().prop_filter("no control character", |c| !c.is_control()), 1..=MAX_PROPERTY_NAME_CHARS)
            .prop_map(String::from_iter),
    ]
    .prop_filter("a name that no record has of its own", |name| PropertyName::parse(name).is_ok())
}

/// A batch of whole records of a schema with distinct ids, a fifth of its values null.
///
/// # Panics
/// When the range holds 0: a batch has at least one row.
pub fn records(schema: Arc<Schema>, rows: Range<usize>) -> BoxedStrategy<RecordBatch> {
    assert!(rows.start > 0, "a batch has at least one row");
    let properties: Vec<BoxedStrategy<Value>> = schema.properties().iter().map(property_value).collect();
    let system = (any::<u128>(), instant(), instant(), 1..4_i64).prop_map(|(id, created, updated, version)| {
        let id = Value::Uuid(Uuid::from_u128(id));
        vec![id, Value::Datetime(created), Value::Datetime(updated), Value::Integer(version)]
    });
    let row = (system, properties).prop_map(|(system, properties)| [system, properties].concat());
    vec(row, rows).prop_map(move |rows| batch_of(&schema, &rows)).boxed()
}

fn property_value(property: &Property) -> BoxedStrategy<Value> {
    let value = value(property.data_type);
    if property.is_required { value } else { prop_oneof![1 => Just(Value::Null), 4 => value].boxed() }
}
