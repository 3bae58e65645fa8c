//! Filters as SQL. SQL's own three-valued logic is the domain's.

use eider_domain::{Condition, Field, Filter, Operand, Operator, SystemField};

use super::Statement;
use crate::ident;

/// Most ids of a list that is looked up by a join.
const MOST_JOINED_IDS: usize = 1_024;

/// Appends a filter as a Boolean expression.
pub(super) fn push_filter(statement: &mut Statement, filter: &Filter) {
    push_part(statement, filter, true);
}

/// Whether a filter makes the engine join, which leaves records in no order.
pub(super) fn makes_a_join(filter: &Filter) -> bool {
    filter.required_conditions().into_iter().any(is_joined)
}

/// Whether a condition that every record has to meet is a list of ids. The engine makes a join of it and looks for its keys in
/// the scan; an `IN` list it compares only once every column of every row group in question is read.
fn is_joined(condition: &Condition) -> bool {
    let is_list =
        |operand: &Operand| matches!(operand, Operand::Many(ids) if (2..=MOST_JOINED_IDS).contains(&ids.len()));
    *condition.field() == Field::System(SystemField::Id) && is_list(condition.operand())
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
        Filter::Condition(condition) => push_condition(statement, condition, is_required && is_joined(condition)),
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
    statement.push(&ident::column(condition.field()));
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
            let (begin, between, end) = if is_joined { ("(VALUES (", "), (", "))") } else { ("(", ", ", ")") };
            statement.push(begin);
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    statement.push(between);
                }
                statement.bind(data_type, value);
            }
            statement.push(end);
        }
    }
}
