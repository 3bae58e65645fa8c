//! Statements that read and delete.

use std::ops::Range;

use eider_application::ports::{POSITION_SEQUENCE, ScanRequest, position_key};
use eider_domain::{DataType, Field, Filter, Value};
use uuid::Uuid;

use super::filter::makes_a_join;
use super::order::{push_after, push_order, push_within};
use super::{Statement, padded};
use crate::connection::settings::LATE_ROWS;
use crate::ident;
use crate::relation::Relation;
use crate::sql::KeyRange;

/// Records up to which the engine is told how many a scan in commit order may have. It gathers all of them before it
/// gives the first, in order to keep the order, so that of more it is asked for everything and not listened to its end.
const MAX_GATHERED_ROWS: u64 = 10_000;

/// How many records of a statement to take, where it does not say so itself.
pub fn cut(request: &ScanRequest) -> Option<u64> {
    let is_in_order = request.query.sort.is_empty() && !makes_a_join(&request.query.filter);
    request.limit.filter(|limit| is_in_order && request.offset == 0 && *limit > MAX_GATHERED_ROWS)
}

/// A scan, of which [`cut`] says how much to take.
///
/// Without sort keys it has no `ORDER BY`: the rows of a [`Relation`] come in commit order. So a page ends as soon as it is
/// full. A join has to be brought back into that order.
pub fn scan(relation: &Relation, request: &ScanRequest) -> Statement {
    scan_of(relation, request, &Among::All)
}

/// A scan of the records at these places, in no order where it asks for none.
pub fn scan_places(relation: &Relation, request: &ScanRequest, places: Range<i64>) -> Statement {
    scan_of(relation, request, &Among::Places(places))
}

/// A scan of the records at some of these places.
///
/// The engine looks for the keys of a join in the scan; a list behind `IN` it compares only once every column of every
/// row group in question is read (measured: 16 of a million take 3.4 ms instead of 16).
pub fn scan_listed(relation: &Relation, request: &ScanRequest, places: &[i64]) -> Statement {
    scan_of(relation, request, &Among::Listed(places))
}

/// The first records of a scan, at least as many as it asks for, of those whose first key is within a range.
pub fn scan_within(relation: &Relation, request: &ScanRequest, range: &KeyRange) -> Statement {
    let limit = request.limit.map(|limit| limit.max(LATE_ROWS + 1));
    scan_of(relation, &ScanRequest { limit, ..request.clone() }, &Among::Range(range))
}

/// Among which records a scan looks.
enum Among<'a> {
    All,
    Range(&'a KeyRange),
    Places(Range<i64>),
    Listed(&'a [i64]),
}

fn scan_of(relation: &Relation, request: &ScanRequest, among: &Among<'_>) -> Statement {
    let query = &request.query;
    let mut columns: Vec<String> = query.projection.fields().iter().map(ident::column).collect();
    if request.with_positions {
        let keys = query.sort.iter().enumerate();
        columns.extend(
            keys.map(|(index, key)| {
                format!("{} AS {}", ident::column(&key.field), ident::quoted(&position_key(index)))
            }),
        );
        columns.push(format!("{} AS {}", ident::SEQUENCE, ident::quoted(POSITION_SEQUENCE)));
    }
    let mut statement = Statement::default();
    let table = relation.source();
    statement.push(&format!("SELECT {} FROM {table}", columns.join(", ")));
    statement.push_where(&query.filter);
    let mut joint = if query.filter.is_everything() { " WHERE " } else { " AND " };
    if !matches!(among, Among::All) {
        statement.push(joint);
        joint = " AND ";
    }
    match among {
        Among::All => {}
        Among::Range(range) => push_within(&mut statement, range),
        Among::Places(places) => {
            statement.push(&format!("{} >= ", ident::SEQUENCE));
            statement.bind(DataType::Integer, &Value::Integer(places.start));
            statement.push(&format!(" AND {} < ", ident::SEQUENCE));
            statement.bind(DataType::Integer, &Value::Integer(places.end));
        }
        Among::Listed(places) => {
            statement.push(&format!("{} IN (SELECT unnest(", ident::SEQUENCE));
            let places: Vec<Value> = places.iter().copied().map(Value::Integer).collect();
            statement.bind_list(DataType::Integer, &places);
            statement.push("))");
        }
    }
    if let Some(position) = &request.after {
        statement.push(joint);
        push_after(&mut statement, &query.sort, position);
    }
    let is_gathered = makes_a_join(&query.filter) || matches!(among, Among::Listed(_));
    if query.sort.is_empty() && is_gathered {
        statement.push(&format!(" ORDER BY {}", ident::SEQUENCE));
    } else {
        push_order(&mut statement, &query.sort);
    }
    let is_cut = !is_gathered && cut(request).is_some();
    if let Some(limit) = request.limit.filter(|_| !is_cut) {
        statement.push(&format!(" LIMIT {limit}"));
    }
    if request.offset > 0 {
        statement.push(&format!(" OFFSET {}", request.offset));
    }
    statement
}

/// Selects these records, whole, in no order.
///
/// Of several ids the engine makes a join, whose keys it looks for in the scan; a list behind `IN` it compares only
/// once every column of every row group in question is read (measured: 16 of a million take 3.4 ms instead of 16).
pub fn records(relation: &Relation, ids: &[Uuid]) -> Statement {
    let columns: Vec<String> = relation.schema().fields().iter().map(ident::column).collect();
    let uuids: Vec<Value> = ids.iter().copied().map(Value::Uuid).collect();
    let mut statement = Statement::default();
    statement.push(&format!("SELECT {} FROM {} WHERE id", columns.join(", "), relation.source()));
    if let [id] = ids {
        statement.push(" = ");
        statement.bind(DataType::Uuid, &Value::Uuid(*id));
        return statement;
    }
    statement.push(" IN (VALUES ");
    for (index, id) in padded(&uuids).enumerate() {
        statement.push(if index > 0 { ", (" } else { "(" });
        statement.bind(DataType::Uuid, id);
        statement.push(")");
    }
    statement.push(")");
    statement
}

/// The places of all records, in order.
pub fn places(relation: &Relation) -> String {
    format!("SELECT {} FROM {}", ident::SEQUENCE, relation.source())
}

/// How many records there are, and the least and the greatest value of a field.
pub fn span(relation: &Relation, field: &Field) -> Statement {
    let column = ident::column(field);
    let mut statement = Statement::default();
    statement.push(&format!("SELECT count(*), min({column}), max({column}) FROM {}", relation.source()));
    statement
}

/// How many records a filter matches.
pub(crate) fn count(relation: &Relation, filter: &Filter) -> Statement {
    let mut statement = Statement::default();
    statement.push(&format!("SELECT count(*) FROM {}", relation.source()));
    statement.push_where(filter);
    statement
}
