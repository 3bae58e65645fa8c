//! Records, as they are described: those of any schema, and those of one.

use eider_domain::{
    DataType, DialectOption, Family, Field, JsonKind, OperandKind, Operator, Property, Schema, SystemField, spelled,
};
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;

use super::reference;

macro_rules! described_below {
    ($($(#[doc = $what:literal])? $name:ident)*) => {
        $($(#[doc = $what])? #[derive(ToSchema)] #[expect(dead_code, reason = "it is written without one")]
        pub(crate) struct $name(Json);)*
    };
}

// What handlers refer to; `of_any_schema` and `queries` say what they are.
described_below! { Record NewRecord RecordPatch CountOrExplanation Query }

/// The components that stand for the records of any schema. Each has a counterpart of the same name for every schema
/// that is described.
pub(super) fn of_any_schema() -> Map<String, Json> {
    let mut own = Map::new();
    for field in SystemField::ALL {
        own.insert(field.name().to_owned(), written(field.data_type()));
    }
    let required = SystemField::ALL.map(SystemField::name);
    let record = json!({"type": "object", "description": "A record of the schema.", "properties": own.clone(),
                        "required": required, "additionalProperties": true});
    let row = json!({"type": "object", "description": "The fields of a record that were asked for, or a group.",
                     "properties": own, "additionalProperties": true});
    let new = json!({"type": "object", "description": "A record of the schema, perhaps with an id of its own.",
                     "properties": {"id": {"type": ["string", "null"], "format": "uuid"}}, "additionalProperties": true});
    let patch = json!({"type": "object", "description": "A merge patch (RFC 7396).", "additionalProperties": true});
    let operators = Operator::ALL.map(Operator::name).join("|");
    let filters = json!({"type": "object", "additionalProperties": {"type": "string"},
        "propertyNames": {"pattern": format!(r"^[^\x00-\x1f\x7f-\x9f]+\.({operators})$")}});
    assembled(record, row, new, patch, filters)
}

/// The same components for the records of one schema.
pub(super) fn of(schema: &Schema) -> Map<String, Json> {
    let fields = schema.fields();
    let members: Map<String, Json> =
        fields.iter().map(|field| (field.name().to_owned(), shown(field, schema))).collect();
    let required: Vec<&str> = fields.iter().map(Field::name).collect();
    let record = json!({"type": "object", "properties": members.clone(), "required": required,
                        "additionalProperties": false});
    let record = described_by(record, schema.definition().description());
    let row = json!({"type": "object", "properties": members, "additionalProperties": true});
    let definition = schema.definition().to_json();
    let documents = definition["properties"].as_array().map_or(&[][..], Vec::as_slice);
    let mut sent = Map::from_iter([("id".to_owned(), json!({"type": ["string", "null"], "format": "uuid"}))]);
    let properties = schema.properties().iter().zip(documents);
    sent.extend(properties.map(|(property, document)| (property.name.to_string(), accepted(property, document))));
    let demanded = schema.properties().iter().filter(|property| property.is_required && property.default.is_none());
    let demanded: Vec<&str> = demanded.map(|property| property.name.as_str()).collect();
    let new =
        json!({"type": "object", "properties": sent.clone(), "required": demanded, "additionalProperties": false});
    sent.remove("id");
    let patch = json!({"type": "object", "properties": sent, "additionalProperties": false});
    let filters: Map<String, Json> = fields.iter().flat_map(filters).collect();
    let filters = json!({"type": "object", "properties": filters, "additionalProperties": false});
    assembled(record, row, new, patch, filters)
}

fn assembled(record: Json, row: Json, new: Json, patch: Json, filters: Json) -> Map<String, Json> {
    let page = json!({"type": "object", "required": ["data", "page"], "properties": {
        "data": {"type": "array", "items": reference("Row")}, "page": reference("PagePlace")}});
    let or_explanation = |schema: Json| json!({"anyOf": [schema, reference("Explanation")]});
    let rows = json!({"type": "array", "items": reference("Row")});
    let all = [
        ("Record", record),
        ("Row", row),
        ("NewRecord", new),
        ("RecordPatch", patch),
        ("Filters", filters),
        ("Page", page),
        ("CountOrExplanation", or_explanation(reference("Count"))),
        ("PageOrExplanation", or_explanation(reference("Page"))),
        ("RecordsOrExplanation", or_explanation(rows)),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A field in answers.
fn shown(field: &Field, schema: &Schema) -> Json {
    let described = written(field.data_type());
    let property = match field {
        Field::System(_) | Field::Computed { .. } => return described,
        Field::Property { index, .. } => &schema.properties()[*index],
    };
    let described = described_by(described, property.description.as_deref());
    if property.is_required { described } else { nullable(described) }
}

/// A value of a type in answers.
fn written(data_type: DataType) -> Json {
    match data_type {
        DataType::String => json!({"type": "string"}),
        DataType::Integer => json!({"type": "integer", "format": "int64"}),
        DataType::Number => json!({"type": "number", "format": "double"}),
        DataType::Decimal { precision, scale } => {
            json!({"type": "string", "pattern": decimal_pattern(precision, scale)})
        }
        DataType::Boolean => json!({"type": "boolean"}),
        DataType::Date => json!({"type": "string", "format": "date"}),
        DataType::Time => json!({"type": "string", "pattern": TIME}),
        DataType::Datetime => json!({"type": "string", "format": "date-time"}),
        DataType::Uuid => json!({"type": "string", "format": "uuid"}),
        DataType::Object => json!({"type": "object"}),
        DataType::Array => json!({"type": "array", "items": {"description": "Any JSON value."}}),
    }
}

/// A property in bodies, with its constraints as far as JSON Schema has them; `document` is that of its definition.
fn accepted(property: &Property, document: &Json) -> Json {
    let mut described = written(property.data_type);
    // JSON Schema has no words for texts that are read as something else, nor for limits of that.
    let is_plain = property.dialect.is_none();
    if !is_plain {
        described = of_dialect(&described);
    }
    let constraints = &document["constraints"];
    let dialect = DialectOption::ALL.iter().map(|option| option.name());
    let dialect = dialect.filter_map(|name| Some(format!("`{name}` {}", document.get(name)?)));
    let mut in_words: Vec<String> = dialect.collect();
    let mut take = |key: &str, name: &str, is_said: bool| match constraints.get(key) {
        Some(value) if is_said && is_plain => described[name] = value.clone(),
        Some(value) => in_words.push(format!("`{key}` {value}")),
        None => {}
    };
    take("min_length", "minLength", true);
    take("max_length", "maxLength", true);
    take("pattern", "pattern", constraints["pattern"].as_str().is_some_and(is_everywhere_the_same));
    take("characters", "pattern", false);
    let is_number = property.data_type.json_kind() == JsonKind::Number;
    take("minimum", "minimum", is_number);
    take("maximum", "maximum", is_number);
    take("enum", "enum", is_number || property.data_type.family() == Family::Text);
    if property.data_type == DataType::Integer && is_plain {
        let own = described.as_object_mut().into_iter().flatten().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        for (name, limit) in [("minimum", i64::MIN), ("maximum", i64::MAX)] {
            if !own.iter().any(|own| own == name) {
                described[name] = limit.into();
            }
        }
    }
    let words = property.description.iter().cloned().chain((!in_words.is_empty()).then(|| in_words.join(", ")));
    let words = words.collect::<Vec<_>>().join("; ");
    let mut described = described_by(described, Some(words.as_str()).filter(|words| !words.is_empty()));
    if let Some(default) = document.get("default") {
        described["default"] = default.clone();
    }
    if property.is_required { described } else { nullable(described) }
}

/// A value of a property that says how it is written.
fn of_dialect(described: &Json) -> Json {
    let types = match described["type"].as_str() {
        Some("integer" | "number" | "string") | None => json!(["string", "number"]),
        Some(own) => json!([own, "string", "number"]),
    };
    json!({"type": types})
}

/// The filters of a field, each a parameter of its own.
fn filters(field: &Field) -> Vec<(String, Json)> {
    let applicable = Operator::ALL.into_iter().filter(|operator| operator.applies_to(field.data_type()));
    let filter = |operator: Operator| {
        let value = match operator.operand() {
            OperandKind::Nothing => json!({"type": "boolean"}),
            OperandKind::List => json!({"type": "string", "description": "Values between commas, or a JSON array."}),
            OperandKind::Pattern => json!({"type": "string", "description": "`%` any characters, `_` one."}),
            OperandKind::Value => written(field.data_type()),
        };
        (format!("{}.{}", spelled(field.name()), operator.name()), value)
    };
    applicable.map(filter).collect()
}

/// A time of day.
const TIME: &str = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?$";

/// What the text of a decimal matches.
fn decimal_pattern(precision: u8, scale: u8) -> String {
    let whole = match precision - scale {
        0 => "0+".to_owned(),
        digits => format!("0*[0-9]{{1,{digits}}}"),
    };
    let fraction = if scale == 0 { "0+".to_owned() } else { format!("[0-9]{{1,{scale}}}0*") };
    format!(r"^[+-]?{whole}(\.{fraction})?$")
}

/// Whether a pattern means the same in the dialect of JSON Schema (ECMA-262) as in Rust's, whose classes have an algebra and
/// whose `\d`, `\w`, `\s` and `\b` know Unicode.
fn is_everywhere_the_same(pattern: &str) -> bool {
    let own = [
        "(?i", "(?s", "(?m", "(?x", "(?u", "(?U", "(?R", "(?-", "(?P", r"\A", r"\z", r"\<", r"\>", "&&", "--", "~~",
        r"\x{", r"\u{", r"\U", r"\a", r"\p", r"\P", r"\Q", r"\b", r"\B", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S",
        "[]", "[^]",
    ];
    !own.iter().any(|own| pattern.contains(own)) && !has_nested_class(pattern)
}

/// Whether a class is within another, which is a bracket like any character elsewhere.
fn has_nested_class(pattern: &str) -> bool {
    let (mut is_within, mut is_escaped) = (false, false);
    for character in pattern.chars() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' if is_within => return true,
            '[' => is_within = true,
            ']' => is_within = false,
            _ => {}
        }
    }
    false
}

fn described_by(mut described: Json, description: Option<&str>) -> Json {
    if let Some(description) = description {
        described["description"] = description.into();
    }
    described
}

/// The same, or null.
fn nullable(mut described: Json) -> Json {
    described["type"] = match described["type"].take() {
        Json::Array(mut types) => {
            types.push("null".into());
            Json::Array(types)
        }
        own => json!([own, "null"]),
    };
    if let Some(allowed) = described.get_mut("enum").and_then(Json::as_array_mut) {
        allowed.push(Json::Null);
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_described_as_such_where_it_means_the_same_elsewhere() {
        for pattern in ["^[A-Z0-9]+$", "a|b", r"^\[x\]$", "[a-c]x[d]", "x{2,3}", r"[\[\]]"] {
            assert!(is_everywhere_the_same(pattern), "{pattern}");
        }
        for pattern in [
            "[[a-c]x]",
            "[a[bc]]",
            "[a&&b]",
            "[a--b]",
            "[a~~b]",
            r"\<a",
            r"\b{start}",
            r"\bx",
            r"^\d+$",
            "[]a]",
            r"\pL",
        ] {
            assert!(!is_everywhere_the_same(pattern), "{pattern}");
        }
    }
}
