//! Values held against their JSON Schema, as far as the description of the API uses it.

use serde_json::Value as Json;

/// Keywords that say nothing of the shape of a value.
const ANNOTATIONS: [&str; 7] = ["description", "default", "example", "format", "pattern", "propertyNames", "$schema"];

/// Where a value is not of its schema, and why.
pub(crate) fn mismatch(document: &Json, schema: &Json, value: &Json) -> Option<String> {
    Shape { document }.check(schema, value, "").err()
}

struct Shape<'d> {
    document: &'d Json,
}

impl Shape<'_> {
    fn check(&self, schema: &Json, value: &Json, at: &str) -> Result<(), String> {
        let keywords = match schema {
            Json::Bool(true) => return Ok(()),
            Json::Object(keywords) => keywords,
            other => return Err(format!("{at}: no schema: {other}")),
        };
        for (keyword, argument) in keywords {
            self.keyword(keyword, argument, schema, value, at)?;
        }
        Ok(())
    }

    fn keyword(&self, keyword: &str, argument: &Json, schema: &Json, value: &Json, at: &str) -> Result<(), String> {
        let fails = |reason: String| Err(format!("{at}: {reason}: {value}"));
        let holds = |schemas: &Json| -> Vec<Result<(), String>> {
            schemas.as_array().unwrap().iter().map(|schema| self.check(schema, value, at)).collect()
        };
        match keyword {
            "$ref" => {
                let target = self.document.pointer(argument.as_str().unwrap().strip_prefix('#').unwrap());
                return self.check(target.ok_or_else(|| format!("{at}: no {argument}"))?, value, at);
            }
            "allOf" => return holds(argument).into_iter().collect(),
            "anyOf" if !holds(argument).iter().any(Result::is_ok) => return fails(format!("none of {argument}")),
            "oneOf" if holds(argument).iter().filter(|outcome| outcome.is_ok()).count() != 1 => {
                return fails(format!("not one of {argument}"));
            }
            "type" => {
                let names = argument.as_array().map_or(std::slice::from_ref(argument), Vec::as_slice);
                if !names.iter().any(|name| is_of_type(value, name.as_str().unwrap())) {
                    return fails(format!("not of type {argument}"));
                }
            }
            "enum" if !argument.as_array().unwrap().contains(value) => return fails(format!("not in {argument}")),
            "const" if argument != value => return fails(format!("not {argument}")),
            "required" if value.is_object() => {
                let missing =
                    argument.as_array().unwrap().iter().find(|name| value.get(name.as_str().unwrap()).is_none());
                return missing.map_or(Ok(()), |name| fails(format!("{name} is missing")));
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = argument.get(name) {
                        self.check(schema, member, &format!("{at}/{name}"))?;
                    }
                }
            }
            "additionalProperties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    if schema["properties"].get(name).is_some() {
                        continue;
                    }
                    if argument == false {
                        return fails(format!("`{name}` is unknown"));
                    }
                    self.check(argument, member, &format!("{at}/{name}"))?;
                }
            }
            "items" => {
                for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(argument, element, &format!("{at}/{index}"))?;
                }
            }
            "minimum" if value.as_f64() < argument.as_f64() && value.is_number() => return fails("too small".into()),
            "maximum" if value.as_f64() > argument.as_f64() => return fails("too great".into()),
            "minLength" | "maxLength" | "minItems" | "maxItems" => {
                let length = value.as_str().map(|text| text.chars().count()).or(value.as_array().map(Vec::len));
                let limit = usize::try_from(argument.as_u64().unwrap()).unwrap();
                let is_over = |length| if keyword.starts_with("min") { length < limit } else { length > limit };
                if length.is_some_and(is_over) {
                    return fails(format!("{keyword} {limit}"));
                }
            }
            "anyOf" | "oneOf" | "enum" | "const" | "required" | "minimum" | "maximum" => {}
            annotation if ANNOTATIONS.contains(&annotation) => {}
            unknown => return Err(format!("{at}: the keyword `{unknown}` is not checked")),
        }
        Ok(())
    }
}

fn is_of_type(value: &Json, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    }
}
