//! Profiles, in the simplest way: every statistic is exact, and made from all values.

use std::cmp::Ordering;

use eider_application::ports::{
    DataProfile, FieldProfile, PROFILE_COUNTED_VALUES, PROFILE_TEXT_CHARS, PROFILE_TOP, ProfileRequest, Statistic,
};
use eider_domain::{DataType, Field, Value};

use super::aggregate::{count, interpolated, least_place, mean, numbers};
use super::table::Table;
use crate::reference::matches;

/// What the values of matching records are like.
pub(super) fn profile(table: &Table, request: &ProfileRequest) -> DataProfile {
    let records = table.records.iter().filter(|record| matches(&request.filter, &record.values));
    let records: Vec<&[Value]> = records.map(|record| record.values.as_slice()).collect();
    let field = |field: &Field| {
        let values = records.iter().map(|record| &record[field.column()]).filter(|value| **value != Value::Null);
        let mut values: Vec<&Value> = values.collect();
        values.sort_by(|left, right| left.compare(right).unwrap_or(Ordering::Equal));
        of_values(field, &values)
    };
    DataProfile { records: records.len() as u64, fields: request.fields.iter().map(field).collect() }
}

/// The profile of a field whose values are in ascending order.
fn of_values(field: &Field, values: &[&Value]) -> FieldProfile {
    let data_type = field.data_type();
    let runs: Vec<&[&Value]> = values.chunk_by(|left, right| left.compare(right) == Some(Ordering::Equal)).collect();
    let statistics = Statistic::of(data_type)
        .into_iter()
        .map(|statistic| (statistic, value_of(statistic, data_type, values, &runs)));
    let mut top = Vec::new();
    if data_type.is_comparable() {
        let least_count = if runs.len() as u64 <= PROFILE_COUNTED_VALUES { 1 } else { 2 };
        let shown = runs.iter().filter(|run| run.len() >= least_count && length(run[0]) <= PROFILE_TEXT_CHARS);
        top.extend(shown.map(|run| (run[0].clone(), run.len() as u64)));
        top.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        top.truncate(PROFILE_TOP);
    }
    FieldProfile { field: field.clone(), statistics: statistics.collect(), top }
}

fn value_of(statistic: Statistic, data_type: DataType, values: &[&Value], runs: &[&[&Value]]) -> Value {
    let lengths = || values.iter().map(|value| length(value));
    match statistic {
        Statistic::Count => count(values.len()),
        Statistic::Distinct => count(runs.len()),
        _ if values.is_empty() => Value::Null,
        Statistic::Min => cut(values[0]),
        Statistic::Max => cut(values[values.len() - 1]),
        Statistic::Mean => finite(mean(&numbers(values, data_type))),
        Statistic::Quantile(share) => match statistic.data_type(data_type) {
            DataType::Number => finite(interpolated(&numbers(values, data_type), share)),
            _ => values[least_place(values.len(), share)].clone(),
        },
        Statistic::MinLength => lengths().min().map_or(Value::Null, count),
        Statistic::MaxLength => lengths().max().map_or(Value::Null, count),
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.chars().count(),
        _ => 0,
    }
}

fn cut(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text.chars().take(PROFILE_TEXT_CHARS).collect::<String>().into()),
        other => other.clone(),
    }
}

fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Number(number) } else { Value::Null }
}
