//! Filters over one record, with SQL's three-valued logic.

use std::cmp::Ordering;

use eider_domain::{Condition, Filter, Operand, Operator, Value};

/// Whether a record matches: the filter is true for it, not merely unknown.
pub fn matches(filter: &Filter, row: &[Value]) -> bool {
    truth(filter, row) == Some(true)
}

/// True, false or, as SQL's null, unknown.
fn truth(filter: &Filter, row: &[Value]) -> Option<bool> {
    match filter {
        Filter::And(parts) => decided_by(false, parts, row),
        Filter::Or(parts) => decided_by(true, parts, row),
        Filter::Not(part) => truth(part, row).map(|truth| !truth),
        Filter::Condition(condition) => condition_truth(condition, &row[condition.field().column()]),
    }
}

/// One part with the deciding truth decides; else one unknown part makes all unknown.
fn decided_by(deciding: bool, parts: &[Filter], row: &[Value]) -> Option<bool> {
    let truths: Vec<Option<bool>> = parts.iter().map(|part| truth(part, row)).collect();
    if truths.contains(&Some(deciding)) {
        Some(deciding)
    } else if truths.contains(&None) {
        None
    } else {
        Some(!deciding)
    }
}

fn condition_truth(condition: &Condition, value: &Value) -> Option<bool> {
    let is_null = *value == Value::Null;
    match condition.operator() {
        Operator::IsNull => return Some(is_null),
        Operator::IsNotNull => return Some(!is_null),
        _ if is_null => return None,
        _ => {}
    }
    let compare = |other: &Value| value.compare(other).expect("a condition compares values of one type");
    Some(match (condition.operator(), condition.operand()) {
        (Operator::Eq, Operand::One(other)) => compare(other).is_eq(),
        (Operator::Ne, Operand::One(other)) => compare(other).is_ne(),
        (Operator::Gt, Operand::One(other)) => compare(other).is_gt(),
        (Operator::Gte, Operand::One(other)) => compare(other).is_ge(),
        (Operator::Lt, Operand::One(other)) => compare(other).is_lt(),
        (Operator::Lte, Operand::One(other)) => compare(other).is_le(),
        (Operator::In, Operand::Many(others)) => others.iter().any(|other| compare(other) == Ordering::Equal),
        (Operator::Like, Operand::One(pattern)) => like(&characters(value), &characters(pattern)),
        (Operator::Ilike, Operand::One(pattern)) => like(&lower(&characters(value)), &lower(&characters(pattern))),
        (operator, operand) => panic!("`{}` never comes with {operand:?}", operator.name()),
    })
}

fn characters(value: &Value) -> Vec<char> {
    match value {
        Value::Text(text) => text.chars().collect(),
        other => panic!("{other:?} is not text"),
    }
}

/// The simple lower case of each character (Unicode, `UnicodeData.txt`), which never changes their number.
fn lower(characters: &[char]) -> Vec<char> {
    characters.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect()
}

/// `%` stands for any run of characters, `_` for one, everything else for itself.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        // A run of `%` is one `%`; without this, the search would grow with its length.
        Some(('%', rest)) if rest.first() == Some(&'%') => like(text, rest),
        Some(('%', rest)) => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        Some(('_', rest)) => !text.is_empty() && like(&text[1..], rest),
        Some((c, rest)) => text.first() == Some(c) && like(&text[1..], rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches_pattern(text: &str, pattern: &str) -> bool {
        like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())
    }

    #[test]
    fn a_pattern_must_match_the_whole_text() {
        for (text, pattern) in [("", ""), ("", "%"), ("abc", "a%"), ("abc", "%%%c"), ("é🦆", "__"), ("a%", "_%")] {
            assert!(matches_pattern(text, pattern), "{text:?} {pattern:?}");
        }
        for (text, pattern) in [("", "_"), ("abc", "a"), ("abc", "b%"), ("é", "__"), ("a\\%", "a\\\\%"), ("A", "a")] {
            assert!(!matches_pattern(text, pattern), "{text:?} {pattern:?}");
        }
    }
}
