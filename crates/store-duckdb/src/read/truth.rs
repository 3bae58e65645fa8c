//! Filters over single records, with SQL's three-valued logic: as the engine has it, but for patterns.

use std::cmp::Ordering;

use eider_domain::{Condition, Field, Filter, Operand, OperandKind, Operator, Value, ValueRef};

/// Whether [`truth`] knows of everything in a filter. What patterns match, the engine alone knows.
pub(crate) fn has_truth(filter: &Filter) -> bool {
    filter.conditions().iter().all(|condition| condition.operator().operand() != OperandKind::Pattern)
}

/// True, false or, as SQL's null, unknown.
pub(crate) fn truth<'v>(filter: &Filter, value_of: &impl Fn(&Field) -> ValueRef<'v>) -> Option<bool> {
    match filter {
        Filter::And(parts) => decided_by(false, parts, value_of),
        Filter::Or(parts) => decided_by(true, parts, value_of),
        Filter::Not(part) => truth(part, value_of).map(|truth| !truth),
        Filter::Condition(condition) => of_condition(condition, &value_of(condition.field())),
    }
}

/// One part with the deciding truth decides; else one unknown part makes all unknown.
fn decided_by<'v>(deciding: bool, parts: &[Filter], value_of: &impl Fn(&Field) -> ValueRef<'v>) -> Option<bool> {
    let mut all = Some(!deciding);
    for part in parts {
        match truth(part, value_of) {
            Some(found) if found == deciding => return Some(deciding),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

fn of_condition(condition: &Condition, value: &ValueRef<'_>) -> Option<bool> {
    let is_null = matches!(value, ValueRef::Null);
    let order = |other: &Value| value.compare(other);
    match (condition.operator(), condition.operand()) {
        (Operator::IsNull, _) => Some(is_null),
        (Operator::IsNotNull, _) => Some(!is_null),
        (Operator::In, Operand::Many(values)) => {
            (!is_null).then(|| values.iter().any(|other| order(other) == Some(Ordering::Equal)))
        }
        (Operator::Eq, Operand::One(other)) => order(other).map(Ordering::is_eq),
        (Operator::Ne, Operand::One(other)) => order(other).map(Ordering::is_ne),
        (Operator::Gt, Operand::One(other)) => order(other).map(Ordering::is_gt),
        (Operator::Gte, Operand::One(other)) => order(other).map(Ordering::is_ge),
        (Operator::Lt, Operand::One(other)) => order(other).map(Ordering::is_lt),
        (Operator::Lte, Operand::One(other)) => order(other).map(Ordering::is_le),
        (
            Operator::Like
            | Operator::Ilike
            | Operator::In
            | Operator::Eq
            | Operator::Ne
            | Operator::Gt
            | Operator::Gte
            | Operator::Lt
            | Operator::Lte,
            _,
        ) => None,
    }
}
