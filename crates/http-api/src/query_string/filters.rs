//! Filters and sort keys, in both of their spellings.

use eider_application::ErrorCode;
use eider_domain::{Condition, Direction, Field, Filter, Operator, Schema, SortKey};
use serde::Deserialize;
use serde_json::Value as Json;

use super::Parameters;
use super::names::{field, filtered, listed};
use crate::HttpSettings;
use crate::error::ApiError;
use crate::query_string::bounds::Bounds;

/// A condition as the predecessor's clients send it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterDocument {
    field: String,
    #[serde(alias = "op")]
    operator: String,
    #[serde(default)]
    value: Json,
}

/// A sort key as the predecessor's clients send it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SortDocument {
    field: String,
    #[serde(default)]
    order: Option<String>,
}

/// The conjunction of every `property.operator=value` and of the list in `filters`.
pub(super) fn filter(
    parameters: &Parameters<'_>,
    schema: &Schema,
    settings: &HttpSettings,
) -> Result<Filter, ApiError> {
    let bounds = Bounds::new(settings);
    let mut conditions: Vec<Filter> = Vec::new();
    for (key, value) in &parameters.filters {
        let (property, operator) = filtered(key)?;
        let (field, operator) = (field(schema, &property)?, Operator::parse(operator)?);
        bounds.check_text(operator, value)?;
        let condition = Condition::from_text(field, operator, value);
        conditions.push(condition.map_err(|error| with_hint(error.into(), value))?.into());
    }
    if let Some(text) = parameters.control("filters") {
        let documents: Vec<FilterDocument> = serde_json::from_str(text)
            .map_err(|_| ApiError::parameter("filters", r#"expected [{"field": …, "operator": …, "value": …}]"#))?;
        for document in documents {
            let (field, operator) = (schema.field(&document.field)?, Operator::parse(&document.operator)?);
            bounds.check(operator, &document.value)?;
            conditions.push(Condition::from_json(field, operator, &document.value)?.into());
        }
    }
    if conditions.len() > settings.max_conditions {
        let detail =
            format!("a query has at most {} conditions, this one has {}", settings.max_conditions, conditions.len());
        return Err(ApiError::new(ErrorCode::QueryTooComplex, detail));
    }
    Ok(Filter::And(conditions))
}

/// The same error, with a hint where a space stands for the `+` of an offset.
fn with_hint(error: ApiError, value: &str) -> ApiError {
    let is_offset = value.rsplit_once(' ').is_some_and(|(before, offset)| {
        before.contains(['T', 't']) && offset.len() == 5 && offset.as_bytes()[2] == b':'
    });
    if is_offset { error.and("in a query string `+` is a space; write `%2B`") } else { error }
}

/// The keys of `sort`: `-time_hour,flight`, or a JSON list of fields and orders.
pub(super) fn sort(
    parameters: &Parameters<'_>,
    schema: &Schema,
    settings: &HttpSettings,
) -> Result<Vec<SortKey>, ApiError> {
    let Some(text) = parameters.control("sort") else { return Ok(Vec::new()) };
    let keys = if text.starts_with('[') { sort_list(text, schema)? } else { sort_names(text, schema)? };
    if keys.len() > settings.max_sort_keys {
        let detail = format!("a query has at most {} sort keys, this one has {}", settings.max_sort_keys, keys.len());
        return Err(ApiError::new(ErrorCode::QueryTooComplex, detail));
    }
    for (index, key) in keys.iter().enumerate() {
        if !key.field.data_type().is_comparable() {
            let detail = format!("`{}` is of type `{}`, which has no order", key.field, key.field.data_type());
            return Err(ApiError::parameter("sort", detail));
        }
        if keys[..index].iter().any(|earlier| earlier.field == key.field) {
            return Err(ApiError::parameter("sort", format!("`{}` is given twice", key.field)));
        }
    }
    Ok(keys)
}

fn sort_names(text: &str, schema: &Schema) -> Result<Vec<SortKey>, ApiError> {
    let keys = listed("sort", text, |text| match text.strip_prefix('-') {
        Some(text) => (Direction::Descending, text),
        None => (Direction::Ascending, text),
    })?;
    keys.into_iter().map(|(direction, name)| Ok(SortKey { field: field(schema, &name)?, direction })).collect()
}

fn sort_list(text: &str, schema: &Schema) -> Result<Vec<SortKey>, ApiError> {
    let documents: Vec<SortDocument> = serde_json::from_str(text)
        .map_err(|_| ApiError::parameter("sort", r#"expected [{"field": …, "order": "asc"}]"#))?;
    let keys = documents.into_iter().map(|document| {
        let direction = match document.order.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("asc") => Direction::Ascending,
            Some("desc") => Direction::Descending,
            Some(_) => return Err(ApiError::parameter("sort", "an order is `asc` or `desc`")),
        };
        Ok(SortKey { field: schema.field(&document.field)?, direction })
    });
    keys.collect()
}

/// The fields of `fields`, in their order; none when it is not given.
pub(super) fn fields(parameters: &Parameters<'_>, schema: &Schema) -> Result<Vec<Field>, ApiError> {
    match parameters.control("fields") {
        None => Ok(Vec::new()),
        Some("") => Err(ApiError::parameter("fields", "expected at least one field")),
        Some(text) => {
            let names = listed("fields", text, |text| ((), text))?;
            names.into_iter().map(|((), name)| field(schema, &name)).collect()
        }
    }
}
