//! Aggregations, in the simplest way: every figure is made from all values of its group.

use std::cmp::Ordering;

use arrow_array::RecordBatch;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_domain::{Aggregate, Aggregation, DataType, DateUnit, ExactSum, Function, GroupKey, Value, temporal};

use super::table::Table;
use crate::column::column_of;
use crate::reference;
use crate::reference::matches;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// A group: the values of the aggregation's columns.
pub(super) type Group = Vec<Value>;

/// The groups of an aggregation in its order, `limit` at most.
pub(super) fn groups(table: &Table, aggregation: &Aggregation, limit: Option<u64>) -> Result<Vec<Group>, StoreError> {
    let mut gathered: Vec<(Group, Vec<&[Value]>)> = Vec::new();
    if aggregation.keys().len() == 0 {
        gathered.push((Vec::new(), Vec::new()));
    }
    for record in table.records.iter().filter(|record| matches(&aggregation.filter, &record.values)) {
        let keys: Vec<Value> = aggregation.keys().map(|key| key_of(key, &record.values)).collect();
        match gathered.iter_mut().find(|(group, _)| are_equal(group, &keys)) {
            Some((_, records)) => records.push(&record.values),
            None => gathered.push((keys, vec![&record.values])),
        }
    }
    let mut groups = Vec::new();
    for (mut group, records) in gathered {
        for aggregate in aggregation.aggregates() {
            group.push(figure(aggregate, &records)?);
        }
        if matches(&aggregation.having, &group) {
            groups.push(group);
        }
    }
    let order = aggregation.order();
    let keys = |group: &Group| order.iter().map(|key| group[key.field.column()].clone()).collect::<Vec<_>>();
    groups.sort_by(|left, right| reference::compare_keys(&order, &keys(left), &keys(right)));
    groups.truncate(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)));
    Ok(groups)
}

/// Groups as a batch.
pub(super) fn batch(aggregation: &Aggregation, groups: &[Group]) -> RecordBatch {
    let column = |(index, field): (usize, &eider_domain::Field)| {
        let values: Vec<&Value> = groups.iter().map(|group| &group[index]).collect();
        column_of(field.data_type(), &values)
    };
    let columns = aggregation.fields().iter().enumerate().map(column).collect();
    RecordBatch::try_new(aggregation.arrow(), columns).expect("the columns are those of the aggregation")
}

/// Nulls are equal here.
fn are_equal(left: &[Value], right: &[Value]) -> bool {
    left.iter().zip(right).all(|pair| match pair {
        (Value::Null, Value::Null) => true,
        (left, right) => left.compare(right) == Some(Ordering::Equal),
    })
}

fn key_of(key: &GroupKey, record: &[Value]) -> Value {
    let value = &record[key.field().column()];
    match (key, value) {
        (GroupKey::Field(_), value) | (GroupKey::Truncated { .. }, value @ Value::Null) => value.clone(),
        (GroupKey::Truncated { unit, .. }, Value::Date(days)) => Value::Date(first_day(*unit, *days)),
        (GroupKey::Truncated { unit, .. }, Value::Datetime(micros)) => Value::Datetime(first_micros(*unit, *micros)),
        (GroupKey::Truncated { .. }, other) => panic!("{other:?} has no unit of time"),
    }
}

fn first_micros(unit: DateUnit, micros: i64) -> i64 {
    let second = MICROS_PER_SECOND;
    let length = match unit {
        DateUnit::Second => second,
        DateUnit::Minute => 60 * second,
        DateUnit::Hour => 3600 * second,
        DateUnit::Day | DateUnit::Week | DateUnit::Month | DateUnit::Quarter | DateUnit::Year => {
            let day = i32::try_from(micros.div_euclid(MICROS_PER_DAY)).expect("a day of the years 0000 to 9999");
            return i64::from(first_day(unit, day)) * MICROS_PER_DAY;
        }
    };
    micros.div_euclid(length) * length
}

fn first_day(unit: DateUnit, days: i32) -> i32 {
    let text = temporal::date_text(days);
    let (year, month) = (&text[..4], text[5..7].parse::<u32>().expect("a month"));
    let first_of = |month: u32| temporal::parse_date(&format!("{year}-{month:02}-01")).expect("a day that exists");
    match unit {
        DateUnit::Second | DateUnit::Minute | DateUnit::Hour | DateUnit::Day => days,
        // 1970-01-01 was a Thursday.
        DateUnit::Week => days - (days + 3).rem_euclid(7),
        DateUnit::Month => first_of(month),
        DateUnit::Quarter => first_of((month - 1) / 3 * 3 + 1),
        DateUnit::Year => first_of(1),
    }
}

fn figure(aggregate: &Aggregate, records: &[&[Value]]) -> Result<Value, StoreError> {
    let Some(field) = aggregate.field() else { return Ok(count(records.len())) };
    let values = records.iter().map(|record| &record[field.column()]).filter(|value| **value != Value::Null);
    let mut values: Vec<&Value> = values.collect();
    values.sort_by(|left, right| left.compare(right).unwrap_or(Ordering::Equal));
    let numbers = || numbers(&values, field.data_type());
    if values.is_empty() && !aggregate.function().is_count() {
        return Ok(Value::Null);
    }
    Ok(match aggregate.function() {
        Function::Count => count(values.len()),
        Function::CountDistinct | Function::ApproxCountDistinct => {
            values.dedup_by(|left, right| left.compare(right) == Some(Ordering::Equal));
            count(values.len())
        }
        Function::Min => values[0].clone(),
        Function::Max => values[values.len() - 1].clone(),
        Function::Sum => return sum(&values),
        Function::Avg => Value::Number(mean(&numbers())),
        Function::Stddev => deviation(&numbers()),
        Function::Quantile => {
            let share = aggregate.quantile().expect("a quantile has its share");
            match aggregate.data_type() {
                DataType::Number => Value::Number(interpolated(&numbers(), share)),
                _ => values[least_place(values.len(), share)].clone(),
            }
        }
    })
}

pub(super) fn count(count: usize) -> Value {
    Value::Integer(i64::try_from(count).expect("no store in memory has so many"))
}

/// Values of a type of numbers as doubles.
pub(super) fn numbers(values: &[&Value], data_type: DataType) -> Vec<f64> {
    values.iter().map(|value| number(value, data_type)).collect()
}

fn number(value: &Value, data_type: DataType) -> f64 {
    value.to_f64(data_type).unwrap_or_else(|| panic!("{value:?} is not a number"))
}

fn sum(values: &[&Value]) -> Result<Value, StoreError> {
    let is_decimal = matches!(values[0], Value::Decimal(_));
    let mut exact: i128 = 0;
    let mut inexact = ExactSum::default();
    for value in values {
        match value {
            Value::Integer(value) => exact += i128::from(*value),
            Value::Decimal(value) => exact = exact.checked_add(*value).ok_or_else(out_of_range)?,
            Value::Number(value) => inexact.add(*value),
            other => panic!("{other:?} is not a number"),
        }
    }
    match values[0] {
        // One that is beyond a double is no number, for those who hand it on.
        Value::Number(_) => Ok(Value::Number(inexact.divided_by(1))),
        _ if is_decimal && exact.unsigned_abs() < 10_u128.pow(38) => Ok(Value::Decimal(exact)),
        _ if is_decimal => Err(out_of_range()),
        _ => i64::try_from(exact).map(Value::Integer).map_err(|_| out_of_range()),
    }
}

fn out_of_range() -> StoreError {
    StoreError::new(StoreErrorKind::OutOfRange, "a sum does not fit its type")
}

/// A power of two by which the numbers are divided, so that neither their sum nor that of their squares is beyond a
/// double, or nothing.
fn scale(numbers: &[f64]) -> f64 {
    let largest = numbers.iter().fold(0.0_f64, |largest, number| largest.max(number.abs()));
    if largest >= 2_f64.powi(400) {
        2_f64.powi(600)
    } else if largest < 2_f64.powi(-400) {
        2_f64.powi(-600)
    } else {
        1.0
    }
}

fn scaled(numbers: &[f64], scale: f64) -> Vec<f64> {
    numbers.iter().map(|number| number / scale).collect()
}

pub(super) fn mean(numbers: &[f64]) -> f64 {
    let mut sum = ExactSum::default();
    for number in numbers {
        sum.add(*number);
    }
    sum.divided_by(numbers.len() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "figures are doubles")]
fn deviation(numbers: &[f64]) -> Value {
    if numbers.len() < 2 {
        return Value::Null;
    }
    let scale = scale(numbers);
    let numbers = scaled(numbers, scale);
    let mean = mean(&numbers);
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    Value::Number((squares / (numbers.len() - 1) as f64).sqrt() * scale)
}

/// The value at a share of the way through sorted numbers, between its two neighbours (Hyndman and Fan, type 7).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
pub(super) fn interpolated(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// The place of the least value that so large a share of `count` sorted values does not exceed.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
pub(super) fn least_place(count: usize, share: f64) -> usize {
    ((share * count as f64).ceil() as usize).max(1) - 1
}
