//! Filters as SQL. SQL's own three-valued logic is the domain's.

use eider_domain::{Condition, Filter, Operand, Operator};

use super::Statement;
use crate::ident;

/// Appends a filter as a Boolean expression.
pub(super) fn push_filter(statement: &mut Statement, filter: &Filter) {
    match filter {
        Filter::And(parts) => push_list(statement, parts, " AND ", "TRUE"),
        Filter::Or(parts) => push_list(statement, parts, " OR ", "FALSE"),
        Filter::Not(part) => {
            statement.push("NOT (");
            push_filter(statement, part);
            statement.push(")");
        }
        Filter::Condition(condition) => push_condition(statement, condition),
    }
}

fn push_list(statement: &mut Statement, parts: &[Filter], joint: &str, empty: &str) {
    if parts.is_empty() {
        statement.push(empty);
        return;
    }
    statement.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            statement.push(joint);
        }
        push_filter(statement, part);
    }
    statement.push(")");
}

fn push_condition(statement: &mut Statement, condition: &Condition) {
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
            statement.push("(");
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    statement.push(", ");
                }
                statement.bind(data_type, value);
            }
            statement.push(")");
        }
    }
}
