//! Filters as SQL. SQL's own three-valued logic is the domain's.

use eider_domain::{Condition, Field, Filter, Operand, Operator, SystemField};

use super::{Statement, padded};
use crate::ident;

/// Most values of a list that stand in the statement, which leaves records in their order. More are bound as one value and
/// joined: each length of a list would be a statement of its own, and a value costs the engine more than a row.
const MAX_LISTED: usize = 64;

/// Appends a filter as a Boolean expression.
pub(super) fn push_filter(statement: &mut Statement, filter: &Filter) {
    push_part(statement, filter, true);
}

/// Whether a filter makes the engine join, which leaves records in no order.
pub(super) fn makes_a_join(filter: &Filter) -> bool {
    filter.conditions().into_iter().any(is_long) || filter.required_conditions().into_iter().any(is_of_ids)
}

fn is_long(condition: &Condition) -> bool {
    matches!(condition.operand(), Operand::Many(values) if values.len() > MAX_LISTED)
}

/// Whether a condition that every record has to meet is a list of ids. The engine looks for the keys of a join in the scan; an `IN`
/// list it compares only once every column of every row group in question is read.
fn is_of_ids(condition: &Condition) -> bool {
    let is_list = matches!(condition.operand(), Operand::Many(ids) if ids.len() > 1);
    is_list && *condition.field() == Field::System(SystemField::Id)
}

fn push_part(statement: &mut Statement, filter: &Filter, is_required: bool) {
    match filter {
        Filter::And(parts) => push_list(statement, parts, (" AND ", "TRUE"), is_required),
        Filter::Or(parts) => push_list(statement, parts, (" OR ", "FALSE"), false),
        Filter::Not(part) => {
            statement.push("NOT (");
            push_part(statement, part, false);
            statement.push(")");
        }
        Filter::Condition(condition) => {
            push_condition(statement, condition, is_long(condition) || (is_required && is_of_ids(condition)));
        }
    }
}

fn push_list(statement: &mut Statement, parts: &[Filter], (joint, empty): (&str, &str), is_required: bool) {
    if parts.is_empty() {
        statement.push(empty);
        return;
    }
    statement.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            statement.push(joint);
        }
        push_part(statement, part, is_required);
    }
    statement.push(")");
}

fn push_condition(statement: &mut Statement, condition: &Condition, is_joined: bool) {
    let column = ident::column(condition.field());
    if matches!(condition.operand(), Operand::Many(values) if values.is_empty()) {
        // Unknown of a null, as with values, and else false.
        return statement.push(&format!("({column} <> {column})"));
    }
    statement.push(&column);
    statement.push(match condition.operator() {
        Operator::Eq => " = ",
        Operator::Ne => " <> ",
        Operator::Gt => " > ",
        Operator::Gte => " >= ",
        Operator::Lt => " < ",
        Operator::Lte => " <= ",
        Operator::In => " IN ",
        Operator::Like => " LIKE ",
        Operator::Ilike => " ILIKE ",
        Operator::IsNull => " IS NULL",
        Operator::IsNotNull => " IS NOT NULL",
    });
    let data_type = condition.field().data_type();
    match condition.operand() {
        Operand::Nothing => {}
        Operand::One(value) => statement.bind(data_type, value),
        Operand::Many(values) => {
            if is_joined {
                statement.push("(SELECT unnest(");
                statement.bind_list(data_type, values);
                statement.push("))");
                return;
            }
            statement.push("(");
            for (index, value) in padded(values).enumerate() {
                statement.push(if index > 0 { ", " } else { "" });
                statement.bind(data_type, value);
            }
            statement.push(")");
        }
    }
}
