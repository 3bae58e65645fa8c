//! Filters over one record, with SQL's three-valued logic.

use std::cmp::Ordering;

use eider_domain::{Condition, Filter, Operand, OperandKind, Operator, Value};

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
    if is_null && condition.operator().operand() != OperandKind::Nothing {
        return None;
    }
    let operands = match condition.operand() {
        Operand::Nothing => &[][..],
        Operand::One(value) => std::slice::from_ref(value),
        Operand::Many(values) => values,
    };
    let compare = |other: &Value| value.compare(other).expect("a condition compares values of one type");
    Some(match condition.operator() {
        Operator::IsNull => is_null,
        Operator::IsNotNull => !is_null,
        Operator::Eq => compare(&operands[0]).is_eq(),
        Operator::Ne => compare(&operands[0]).is_ne(),
        Operator::Gt => compare(&operands[0]).is_gt(),
        Operator::Gte => compare(&operands[0]).is_ge(),
        Operator::Lt => compare(&operands[0]).is_lt(),
        Operator::Lte => compare(&operands[0]).is_le(),
        Operator::In => operands.iter().any(|other| compare(other) == Ordering::Equal),
        Operator::Like => like(&characters(value), &characters(&operands[0])),
        Operator::Ilike => like(&lower(&characters(value)), &lower(&characters(&operands[0]))),
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
