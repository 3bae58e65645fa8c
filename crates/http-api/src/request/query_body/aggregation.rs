//! Aggregations: `group_by`, `aggregate` and `having`.

use eider_application::ErrorCode;
use eider_domain::{
    Aggregate, Aggregation, AggregationError, ColumnName, DateUnit, Filter, Function, GroupKey, Schema, UnknownName,
};
use serde_json::Value as Json;

use super::conditions::Conditions;
use super::members::{Members, list};
use super::sort;
use crate::HttpSettings;
use crate::error::ApiError;

pub(super) fn aggregation(
    members: &Members<'_>,
    filter: Filter,
    schema: &Schema,
    settings: &HttpSettings,
) -> Result<Aggregation, ApiError> {
    let keys = list(members.get("group_by"), "/group_by")?.map(|(key, at)| group_key(key, &at, schema));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let figures = list(members.get("aggregate"), "/aggregate")?.map(|(figure, at)| aggregate(figure, &at, schema));
    let figures = figures.collect::<Result<Vec<_>, _>>()?;
    if keys.len() + figures.len() > settings.max_columns {
        let detail = format!("an aggregation has at most {} columns", settings.max_columns);
        return Err(ApiError::new(ErrorCode::QueryTooComplex, detail));
    }
    let mut aggregation = Aggregation::new(keys, figures)?;
    if let Some(tree) = members.get("having") {
        let mut conditions = Conditions::after(settings, &filter);
        let having = conditions.filter(tree, "/having", &mut |name| aggregation.field(name).map_err(unknown_column));
        aggregation.having = having?;
    }
    aggregation.sort = sort(members, settings, &mut |name| aggregation.field(name).map_err(unknown_column))?;
    aggregation.filter = filter;
    Ok(aggregation)
}

/// `"carrier"`, `{"field": …, "as": …}` or `{"date_trunc": "day", "field": …, "as": …}`.
fn group_key(key: &Json, at: &str, schema: &Schema) -> Result<(Option<ColumnName>, GroupKey), ApiError> {
    let located = |error: ApiError| error.at(at);
    if let Json::String(name) = key {
        let field = schema.field(name).map_err(ApiError::from).map_err(located)?;
        return Ok((None, GroupKey::of(field).map_err(ApiError::from).map_err(located)?));
    }
    let members = Members::of(key, at, &["field", "date_trunc", "as"])?;
    let field = schema.field(members.required_text("field")?).map_err(ApiError::from).map_err(located)?;
    let key = match members.text("date_trunc")? {
        None => GroupKey::of(field),
        Some(unit) => {
            let unit = DateUnit::parse(unit).map_err(|error| invalid(&error).at(at))?;
            GroupKey::truncated(field, unit)
        }
    };
    Ok((column_name(&members)?, key.map_err(ApiError::from).map_err(located)?))
}

/// `{"fn": "avg", "field": …, "p": …, "as": …}`.
fn aggregate(figure: &Json, at: &str, schema: &Schema) -> Result<(Option<ColumnName>, Aggregate), ApiError> {
    let members = Members::of(figure, at, &["fn", "field", "p", "as"])?;
    let function = Function::parse(members.required_text("fn")?).map_err(|error| invalid(&error).at(at))?;
    let field = members.text("field")?.map(|name| schema.field(name)).transpose();
    let field = field.map_err(|error| ApiError::from(error).at(at))?;
    let share =
        members.get("p").map(|p| p.as_f64().ok_or_else(|| ApiError::body(&members.pointer("p"), "expected a number")));
    let aggregate =
        Aggregate::new(function, field, share.transpose()?).map_err(|error| ApiError::from(error).at(at))?;
    Ok((column_name(&members)?, aggregate))
}

fn column_name(members: &Members<'_>) -> Result<Option<ColumnName>, ApiError> {
    let name = members.text("as")?.map(ColumnName::parse).transpose();
    name.map_err(|error| ApiError::body(&members.pointer("as"), error))
}

fn invalid(error: &UnknownName) -> ApiError {
    ApiError::new(ErrorCode::InvalidAggregation, error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "the form of a function for `map_err`")]
fn unknown_column(error: UnknownName) -> ApiError {
    ApiError::new(ErrorCode::UnknownProperty, error.to_string())
}

impl From<AggregationError> for ApiError {
    fn from(error: AggregationError) -> Self {
        Self::new(ErrorCode::InvalidAggregation, error.to_string())
    }
}
