//! The order of records within a query.

use std::cmp::Ordering;

use eider_domain::{Direction, Position, SortKey, Value};

/// Compares two places in an order: key by key, then by commit order.
pub(crate) fn compare(sort: &[SortKey], left: &Position, right: &Position) -> Ordering {
    compare_keys(sort, &left.keys, &right.keys).then(left.sequence.cmp(&right.sequence))
}

/// Compares two rows key by key. Nulls come last in both directions.
pub(crate) fn compare_keys(sort: &[SortKey], left: &[Value], right: &[Value]) -> Ordering {
    let keys = sort.iter().zip(left.iter().zip(right));
    let by_keys = keys.map(|(key, (left, right))| compare_key(key.direction, left, right));
    by_keys.fold(Ordering::Equal, Ordering::then)
}

fn compare_key(direction: Direction, left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        _ => {
            let ascending = left.compare(right).expect("a sort key has values of one ordered type");
            if direction == Direction::Ascending { ascending } else { ascending.reverse() }
        }
    }
}
