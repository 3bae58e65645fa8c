//! Query bodies, as they are described.

use eider_domain::{MAX_PROPERTY_NAME_CHARS, Operator};
use serde_json::{Map, Value as Json, json};

use super::reference;
use crate::HttpSettings;

/// What a column of an aggregation without a name of its own has in front of that of its field: `approx_count_distinct_`.
const LONGEST_FUNCTION: usize = 22;

/// The components of query bodies.
pub(super) fn components(settings: &HttpSettings) -> Map<String, Json> {
    let name = json!({"type": "string", "minLength": 1, "maxLength": MAX_PROPERTY_NAME_CHARS + LONGEST_FUNCTION});
    let mut components = vec![("Field", name)];
    components.extend(conditions(settings));
    components.extend([
        ("SortKey", sort_key()),
        ("GroupKey", group_key()),
        ("Figure", figure()),
        ("Query", query(settings)),
    ]);
    components.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// Trees of conditions and what they are made of: components of their own, since generators of clients find no end in a
/// schema that has itself in it.
fn conditions(settings: &HttpSettings) -> [(&'static str, Json); 5] {
    let kinds = ["Condition", "AllConditions", "AnyCondition", "NoCondition"];
    let tree = json!({
        "description": format!("At most {} conditions, {} deep.", settings.max_conditions, settings.max_filter_depth),
        "oneOf": kinds.map(reference),
    });
    let operators = Operator::ALL.map(Operator::name);
    let condition = object(
        "A comparison of one field. `in` takes a list; `is_null` and `is_not_null` take `true`, `false` or nothing.",
        &["field", "op"],
        json!({"field": reference("Field"), "op": {"enum": operators},
               "value": {"description": "One of the field's type, or a list of them."}}),
    );
    let joint = |name: &str, said: &str, parts: Json| object(said, &[name], json!({name: parts}));
    let parts = json!({"type": "array", "items": reference("Conditions")});
    let [one, all, any, no] = kinds;
    [
        ("Conditions", tree),
        (one, condition),
        (all, joint("and", "All of these hold.", parts.clone())),
        (any, joint("or", "At least one of these holds.", parts)),
        (no, joint("not", "This does not hold.", reference("Conditions"))),
    ]
}

fn sort_key() -> Json {
    json!({"anyOf": [
        {"type": "string", "description": "A field, with `-` for descending."},
        object("A field and its order.", &["field"], json!({
            "field": reference("Field"), "order": {"enum": ["asc", "desc", null]}})),
    ]})
}

fn group_key() -> Json {
    let units = ["second", "minute", "hour", "day", "week", "month", "quarter", "year", "null"];
    let units = units.map(|unit| if unit == "null" { Json::Null } else { unit.into() });
    json!({"anyOf": [
        reference("Field"),
        object("A field, or the beginning of the unit of time that its value is in.", &["field"], json!({
            "field": reference("Field"), "date_trunc": {"enum": units}, "as": {"type": ["string", "null"]}})),
    ]})
}

fn figure() -> Json {
    let functions =
        ["count", "sum", "avg", "min", "max", "stddev", "count_distinct", "approx_count_distinct", "quantile"];
    object(
        "A figure of each group; all but `count` take a field, and `quantile` a share `p`.",
        &["fn"],
        json!({"fn": {"enum": functions}, "field": optional("Field"),
               "p": {"type": ["number", "null"], "minimum": 0, "maximum": 1}, "as": {"type": ["string", "null"]}}),
    )
}

/// A whole body: of records or of groups, with members that both have.
fn query(settings: &HttpSettings) -> Json {
    let common = json!({
        "where": optional("Conditions"),
        "sort": {"type": ["array", "null"], "items": reference("SortKey"), "maxItems": settings.max_sort_keys},
        "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": settings.max_page_limit,
                  "description": "Records or groups; of a stream without maximum."},
        "timeout_ms": {"type": ["integer", "null"], "minimum": 1,
                       "maximum": u64::try_from(settings.query_timeout.as_millis()).unwrap_or(u64::MAX)},
    });
    let with_common = |members: Json| {
        let mut all = common.clone();
        if let (Json::Object(all), Json::Object(members)) = (&mut all, members) {
            all.extend(members);
        }
        all
    };
    let list_of = |schema: &str| json!({"type": ["array", "null"], "items": reference(schema)});
    let records = json!({
        "select": list_of("Field"), "cursor": {"type": ["string", "null"]}, "count": {"enum": ["none", "exact", null]}});
    let groups = json!({
        "group_by": list_of("GroupKey"), "aggregate": list_of("Figure"), "having": optional("Conditions")});
    let of_groups = "Groups: `group_by`, `aggregate` or both. `sort` and `having` name columns of the answer.";
    json!({"description": "A query.", "anyOf": [
        object("Records.", &[], with_common(records)),
        object(of_groups, &[], with_common(groups)),
    ]})
}

/// A schema, or null.
fn optional(schema: &str) -> Json {
    json!({"anyOf": [reference(schema), {"type": "null"}]})
}

/// An object that has no members but these.
fn object(description: &str, required: &[&str], properties: Json) -> Json {
    let mut object = json!({
        "type": "object", "description": description, "required": required, "additionalProperties": false});
    object["properties"] = properties;
    object
}
