//! Sorted pages, read from a narrow range of their first key.
//!
//! No index serves an order: the engine looks at every record that follows to find the first hundred. So a page is
//! first asked for within a range of its first key that begins where its records begin and ends where, by the number of
//! records and the values between which they lie, enough of them should be. Every record of the range comes before
//! every other one, so a full page is the page; one that is not is asked for in a wider range, and then without any.
//! Each time it is one query that answers. Wrong estimates cost time and nothing else.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering as Relaxing};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use eider_application::ports::{ScanRequest, StoreError};
use eider_domain::{DataType, Direction, Field, Filter, Operand, Operator, SortKey, Value};
use eider_engine_duckdb::columns::scan_schema;
use eider_engine_duckdb::sql::rows;
use eider_engine_duckdb::sql::{self, KeyRange, Statement};
use eider_engine_duckdb::{Connection, Relation};

/// Rows of a page, with those that it passes over, above which it is not asked for within ranges.
const MAX_ROWS: u64 = 10_001;
/// Bytes of a page above which it is not held until it is known to be full.
const MAX_BYTES: usize = 8 << 20;
/// Ranges that are tried for one page.
const TRIES: usize = 2;
/// How many times the rows that it needs a first range should have.
const FIRST_WIDTH: f64 = 4.0;
/// How much wider the next range is.
const WIDENING: f64 = 8.0;
/// Pages of a query that are read without ranges after ranges were of no use to one.
const COOLDOWN: u32 = 100;
/// Queries whose ranges are remembered.
const MAX_SHAPES: usize = 256;

/// How ranges have served the pages of a schema, for operators and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeStatus {
    /// Ranges that were asked for.
    pub tried: u64,
    /// Pages that a range filled.
    pub filled: u64,
}

/// What is known of the values of a schema, and of the ranges that serve its queries.
#[derive(Debug)]
pub(crate) struct Ranges {
    /// Records below which a schema is too small for ranges.
    least_rows: u64,
    spans: Mutex<HashMap<usize, Span>>,
    /// By the text of the query, which has no values in it.
    shapes: Mutex<HashMap<String, Shape>>,
    tried: AtomicU64,
    filled: AtomicU64,
}

/// Between which values a column lies, and of how many records, as of a commit.
#[derive(Debug, Clone)]
struct Span {
    rows: f64,
    /// The least and the greatest; none when every value is null.
    ends: Option<(Value, Value)>,
    commit_seq: u64,
}

/// What ranges have been to a query.
#[derive(Debug, Clone, Copy)]
struct Shape {
    width: f64,
    /// Pages left to be read without ranges.
    cooldown: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { width: FIRST_WIDTH, cooldown: 0 }
    }
}

impl Ranges {
    pub(crate) fn new(least_rows: u64) -> Self {
        Self {
            least_rows,
            spans: Mutex::default(),
            shapes: Mutex::default(),
            tried: AtomicU64::new(0),
            filled: AtomicU64::new(0),
        }
    }

    pub(crate) fn status(&self) -> RangeStatus {
        RangeStatus { tried: self.tried.load(Relaxing::Relaxed), filled: self.filled.load(Relaxing::Relaxed) }
    }

    /// The rows that a scan asks for, when they fill its limit from within a range, with the statement that found
    /// them; `None` when the scan has to be run as it is. `plain` is its text, and `commit_seq` the number of the
    /// last commit.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn page(
        &self,
        connection: &Connection,
        relation: &Relation,
        request: &ScanRequest,
        plain: &str,
        commit_seq: u64,
    ) -> Result<Option<(RecordBatch, Statement)>, StoreError> {
        let Some(Start { key, limit, from, to }) = Start::of(request) else { return Ok(None) };
        let shape = self.shape(plain);
        if shape.cooldown > 0 {
            return Ok(None);
        }
        let span = self.span(connection, relation, &key.field, commit_seq)?;
        let (Some((least, greatest)), true) = (&span.ends, span.rows >= self.least_rows as f64) else {
            return Ok(None);
        };
        let (nearest, farthest) = match key.direction {
            Direction::Ascending => (least, greatest),
            Direction::Descending => (greatest, least),
        };
        let begin = from.as_ref().filter(|from| comes_before(&key, nearest, from)).unwrap_or(nearest);
        let columns = scan_schema(relation.schema(), request);
        let needed = (limit + request.offset) as f64 / span.rows;
        let mut width = shape.width;
        for attempt in 0..TRIES {
            let end = moved(begin, distance(nearest, farthest) * needed * width);
            // A range that reaches the last value, or the end that the query has anyway, leaves nothing out.
            let is_narrow = |end: &Value| {
                comes_before(&key, begin, end)
                    && comes_before(&key, end, farthest)
                    && to.as_ref().is_none_or(|to| comes_before(&key, end, to))
            };
            let end = match end.filter(is_narrow) {
                Some(end) => end,
                None if attempt == 0 => return Ok(None),
                None => break,
            };
            self.tried.fetch_add(1, Relaxing::Relaxed);
            let range = KeyRange { key: key.clone(), from: from.clone(), end };
            let statement = sql::scan_within(relation, request, &range);
            let Some(rows) = rows::collect(connection, &statement, &columns, MAX_BYTES)? else { break };
            // Every record of the range comes before every other, and nulls, which are in no range, come last. So a
            // full page is the page. A page that is not full never answers: records beyond the range belong to it.
            if rows.num_rows() as u64 >= limit {
                self.filled.fetch_add(1, Relaxing::Relaxed);
                self.remember(plain, Shape { width, cooldown: 0 });
                let page = rows.slice(0, usize::try_from(limit).unwrap_or(usize::MAX));
                return Ok(Some((page, statement)));
            }
            width *= WIDENING;
        }
        self.remember(plain, Shape { cooldown: COOLDOWN, ..Shape::default() });
        Ok(None)
    }

    /// What is known of a query, one page nearer to its next try.
    fn shape(&self, plain: &str) -> Shape {
        let mut shapes = lock(&self.shapes);
        let Some(shape) = shapes.get_mut(plain) else { return Shape::default() };
        let found = *shape;
        shape.cooldown = shape.cooldown.saturating_sub(1);
        found
    }

    fn remember(&self, plain: &str, shape: Shape) {
        let mut shapes = lock(&self.shapes);
        // What is forgotten costs a try, so no order is kept by which to forget.
        if shapes.len() >= MAX_SHAPES && !shapes.contains_key(plain) {
            shapes.clear();
        }
        shapes.insert(plain.to_owned(), shape);
    }

    /// The span of a column, read anew once a quarter more has been committed.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn span(
        &self,
        connection: &Connection,
        relation: &Relation,
        field: &Field,
        commit_seq: u64,
    ) -> Result<Span, StoreError> {
        // An old span makes a range too narrow or too wide, which costs time. It cannot make an answer wrong.
        let is_fresh = |span: &&Span| commit_seq <= span.commit_seq + span.commit_seq / 4;
        if let Some(span) = lock(&self.spans).get(&field.column()).filter(is_fresh) {
            return Ok(span.clone());
        }
        let mut span = Span { rows: 0.0, ends: None, commit_seq };
        let types = [DataType::Integer, field.data_type(), field.data_type()];
        rows::read(connection, &sql::span(relation, field), &types, |row| {
            if let [Value::Integer(rows), least, greatest] = row {
                span.rows = *rows as f64;
                span.ends = (*least != Value::Null).then(|| (least.clone(), greatest.clone()));
            }
        })?;
        lock(&self.spans).insert(field.column(), span.clone());
        Ok(span)
    }
}

/// Where the records of a scan begin in its order, and where they end at the latest.
struct Start {
    key: SortKey,
    limit: u64,
    from: Option<Value>,
    to: Option<Value>,
}

impl Start {
    /// `None` when ranges cannot serve the scan, or would not.
    fn of(request: &ScanRequest) -> Option<Self> {
        let key = request.query.sort.first()?.clone();
        let limit = request.limit.filter(|limit| *limit > 0)?;
        if limit.saturating_add(request.offset) > MAX_ROWS || !has_distances(key.field.data_type()) {
            return None;
        }
        let mut start = Self { key, limit, from: None, to: None };
        if let Some(position) = &request.after {
            let value = position.keys.first()?;
            if *value == Value::Null {
                return None;
            }
            start.from = Some(value.clone());
        }
        start.narrow(&request.query.filter).then_some(start)
    }

    /// Takes in the conditions that every record meets; `false` when they leave single values of the key.
    fn narrow(&mut self, filter: &Filter) -> bool {
        let condition = match filter {
            Filter::And(parts) => return parts.iter().all(|part| self.narrow(part)),
            Filter::Condition(condition) if *condition.field() == self.key.field => condition,
            Filter::Condition(_) | Filter::Or(_) | Filter::Not(_) => return true,
        };
        let is_ascending = self.key.direction == Direction::Ascending;
        match (condition.operator(), condition.operand()) {
            (Operator::Gt | Operator::Gte, Operand::One(value)) if is_ascending => self.begin_at(value),
            (Operator::Lt | Operator::Lte, Operand::One(value)) if !is_ascending => self.begin_at(value),
            (Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte, Operand::One(value)) => self.end_at(value),
            (Operator::Eq | Operator::In | Operator::IsNull, _) => return false,
            (
                Operator::Ne
                | Operator::Gt
                | Operator::Gte
                | Operator::Lt
                | Operator::Lte
                | Operator::Like
                | Operator::Ilike
                | Operator::IsNotNull,
                Operand::Nothing | Operand::One(_) | Operand::Many(_),
            ) => {}
        }
        true
    }

    fn begin_at(&mut self, value: &Value) {
        if self.from.as_ref().is_none_or(|from| comes_before(&self.key, from, value)) {
            self.from = Some(value.clone());
        }
    }

    fn end_at(&mut self, value: &Value) {
        if self.to.as_ref().is_none_or(|to| comes_before(&self.key, value, to)) {
            self.to = Some(value.clone());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_distances(data_type: DataType) -> bool {
    match data_type {
        DataType::Integer
        | DataType::Number
        | DataType::Decimal { .. }
        | DataType::Date
        | DataType::Time
        | DataType::Datetime => true,
        DataType::String | DataType::Boolean | DataType::Uuid | DataType::Object | DataType::Array => false,
    }
}

/// Whether a value comes before another, and not beside it, in the order of a key.
fn comes_before(key: &SortKey, left: &Value, right: &Value) -> bool {
    let wanted = if key.direction == Direction::Ascending { Ordering::Less } else { Ordering::Greater };
    left.compare(right) == Some(wanted)
}

/// How far it is from a value to another, in the smallest steps of their type.
fn distance(from: &Value, to: &Value) -> f64 {
    magnitude(to) - magnitude(from)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn magnitude(value: &Value) -> f64 {
    match value {
        Value::Integer(value) | Value::Time(value) | Value::Datetime(value) => *value as f64,
        Value::Number(value) => *value,
        Value::Decimal(value) => *value as f64,
        Value::Date(days) => f64::from(*days),
        Value::Null | Value::Text(_) | Value::Boolean(_) | Value::Uuid(_) | Value::Json(_) => 0.0,
    }
}

/// The value at a distance from another, at least one step; `None` when the type has none there.
#[expect(clippy::cast_possible_truncation, reason = "casts from floats saturate, and what is out of range is refused")]
fn moved(value: &Value, by: f64) -> Option<Value> {
    let steps = by.abs().ceil().copysign(by) as i128;
    Some(match value {
        Value::Integer(value) => Value::Integer(i64::try_from(i128::from(*value).checked_add(steps)?).ok()?),
        Value::Time(value) => Value::Time(i64::try_from(i128::from(*value).checked_add(steps)?).ok()?),
        Value::Datetime(value) => Value::Datetime(i64::try_from(i128::from(*value).checked_add(steps)?).ok()?),
        Value::Date(days) => Value::Date(i32::try_from(i128::from(*days).checked_add(steps)?).ok()?),
        Value::Decimal(value) => Value::Decimal(value.checked_add(steps)?),
        Value::Number(value) => Value::Number(Some(value + by).filter(|moved| moved.is_finite())?),
        Value::Null | Value::Text(_) | Value::Boolean(_) | Value::Uuid(_) | Value::Json(_) => return None,
    })
}

#[cfg(test)]
mod tests;
