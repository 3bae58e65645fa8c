//! Records that an index leads to, read from memory where they are there.
//!
//! An index serves a read in two ways. In its own order it yields a page and is read no further:
//! `logged_at.gte=…&sort=logged_at&limit=100`. And where a value has few records, all of them are looked at, whatever else is
//! asked: `tail.eq=N1&delay.gt=60&sort=-delay`. Everything else is for the engine, which reads a column faster than this
//! reads rows.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_select::take::take_record_batch;
use eider_application::ports::{Access, Column, ReadPlan, RecordStream, ScanRequest, Sorting, StoreError};
use eider_application::runtime::blocking;
use eider_domain::{
    Condition, Direction, Field, Filter, Operand, Operator, Position, Property, SortKey, SystemField, Value, ValueRef,
};
use eider_engine_duckdb::Relation;
use eider_engine_duckdb::columns::scan_schema;
use eider_engine_duckdb::connection::worker;
use eider_engine_duckdb::error::arrow_error;
use futures::StreamExt;
use futures::stream;

use crate::index::catalog::Index;
use crate::index::key::{self, KeyRange};
use crate::read::fetch::fetch;
use crate::read::truth::{has_truth, truth};
use crate::table::places::View;
use crate::table::record_cache::Kept;
use crate::table::seeking::Contents;
use crate::table::{Shared, Table};

/// Records of a page, with those that it passes over, above which an index is not read in its order.
const MOST_ROWS: u64 = 10_001;
/// Records of a value that are looked at, all of them.
pub(crate) const MOST_OF_VALUE: usize = 1_024;
/// Entries that are looked at in a row. There are more than records where many were deleted or replaced.
const MOST_LOOKED_AT: usize = 50_000;
/// How often records are looked up that go while they are.
const TRIES: usize = 3;

/// How an index serves a read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexRead {
    pub(crate) field: Field,
    way: Way,
}

#[derive(Debug, Clone, PartialEq)]
enum Way {
    /// As far as the page goes.
    InOrder(Direction),
    /// All records of some values.
    Whole,
}

impl IndexRead {
    /// How an index may serve a read; `None` when none does. It looks at the read alone.
    pub(crate) fn of(relation: &Relation, request: &ScanRequest) -> Option<Self> {
        let query = &request.query;
        let conditions = query.filter.required_conditions();
        let is_all = is_conjunction(&query.filter);
        let is_indexed = |field: &Field| match field {
            Field::System(SystemField::Id) => true,
            field => relation.property(field).is_some_and(Property::has_index),
        };
        let rows = request.limit.map_or(u64::MAX, |limit| limit.saturating_add(request.offset));
        if let ([SortKey { field, direction }], true) =
            (query.sort.as_slice(), is_all && rows <= MOST_ROWS && !request.counts_total)
            && is_indexed(field)
            && conditions.iter().all(|condition| condition.field() == field && ranges_of(0, condition).is_some())
        {
            return Some(Self { field: field.clone(), way: Way::InOrder(*direction) });
        }
        let has_values = |condition: &&&Condition| matches!(condition.operator(), Operator::Eq | Operator::In);
        let is_served = |condition: &&&Condition| is_indexed(condition.field()) && ranges_of(0, condition).is_some();
        let served = || conditions.iter().filter(is_served);
        // A list of values is mostly shorter than a range of them.
        let chosen = served().find(has_values).or_else(|| served().next())?;
        has_truth(&query.filter).then(|| Self { field: chosen.field().clone(), way: Way::Whole })
    }

    /// The places of the records that may be wanted, in the order of the read where it is that of the index; `None` when the
    /// index cannot tell, or they are too many.
    pub(crate) fn places(&self, contents: &Contents, request: &ScanRequest) -> Option<Vec<i64>> {
        let view = contents.places.view().or_else(|| {
            contents.indexes.tell();
            None
        })?;
        let index = contents.indexes.on(&self.field, &view)?;
        let conditions = request.query.filter.required_conditions();
        let own = conditions.into_iter().filter(|condition| *condition.field() == self.field);
        let mut ranges = vec![KeyRange::present(index.number), KeyRange::absent(index.number)];
        for others in own.filter_map(|condition| ranges_of(index.number, condition)) {
            ranges = both(ranges, &others);
        }
        let mut walk = Walk { view: &view, contents, index, places: Vec::new(), most: 0, is_cut: false };
        match self.way {
            Way::Whole => {
                walk.most = MOST_OF_VALUE + 1;
                ranges.iter().try_for_each(|range| walk.forward(range))?;
                (walk.places.len() <= MOST_OF_VALUE).then_some(walk.places)
            }
            Way::InOrder(direction) => {
                walk.most = usize::try_from(request.limit.unwrap_or(0).saturating_add(request.offset)).ok()?;
                walk.in_order(ranges, direction, request.after.as_ref())?;
                // Those that were cut stand in no order.
                (!walk.is_cut).then_some(walk.places)
            }
        }
    }

    /// What a read yields, of the records at the places that were found.
    ///
    /// # Errors
    /// `Internal` when records have other columns than the schema.
    pub(crate) fn rows(
        &self,
        contents: &Contents,
        relation: &Relation,
        request: &ScanRequest,
        found: &[(i64, Kept)],
    ) -> Result<(RecordBatch, u64), StoreError> {
        let (places, kept): (Vec<i64>, Vec<&Kept>) = found.iter().map(|(place, kept)| (*place, kept)).unzip();
        let records = contents.records.batch(&kept)?;
        let mut rows: Vec<usize> = (0..places.len()).collect();
        if self.way == Way::Whole {
            let values = Values::of(relation, &records);
            rows.retain(|row| truth(&request.query.filter, &|field| values.at(field, *row)) == Some(true));
            rows.sort_by(|one, other| values.order(&request.query.sort, &places, *one, *other));
        }
        let matching = rows.len() as u64;
        if let (Way::Whole, Some(after)) = (&self.way, &request.after) {
            let values = Values::of(relation, &records);
            rows.retain(|row| values.is_after(&request.query.sort, after, places[*row], *row));
        }
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let limit = request.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let rows: Vec<usize> = rows.into_iter().skip(offset).take(limit).collect();
        Ok((result(relation, request, &records, &places, &rows)?, matching))
    }
}

/// What an index answers.
#[derive(Debug)]
pub(crate) struct Answer {
    read: IndexRead,
    rows: RecordBatch,
    /// Records that were looked at.
    looked_at: usize,
    /// Those of them that match, whatever part of them is asked for.
    matching: u64,
}

impl Answer {
    pub(crate) fn into_stream(self, request: &ScanRequest) -> RecordStream {
        let total = request.counts_total.then_some(self.matching);
        let rows = stream::iter((self.rows.num_rows() > 0).then_some(Ok(self.rows.clone())));
        RecordStream::new(self.rows.schema(), rows.boxed()).with_total(total)
    }

    /// How it was found, among so many records.
    pub(crate) fn plan(&self, request: &ScanRequest, records: u64) -> ReadPlan {
        ReadPlan {
            access: Access::Index { property: self.read.field.name().to_owned() },
            records,
            scanned: self.looked_at as u64,
            returned: self.rows.num_rows() as u64,
            sorting: match self.read.way {
                Way::Whole if !request.query.sort.is_empty() && request.limit.is_some() => Sorting::TopK,
                Way::Whole if !request.query.sort.is_empty() => Sorting::Full,
                Way::Whole | Way::InOrder(_) => Sorting::Nothing,
            },
            index_hints: Vec::new(),
        }
    }
}

/// Answers a scan by an index; `None` when the engine is to answer it.
///
/// # Errors
/// As [`eider_engine_duckdb::read::records`].
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    table: &Table,
    request: &ScanRequest,
) -> Result<Option<Answer>, StoreError> {
    let Some(read) = IndexRead::of(&table.relation, request) else { return Ok(None) };
    let started = Instant::now();
    let (contents, relation) = (Arc::clone(&table.contents), Arc::clone(&table.relation));
    let job = Arc::new(Job { read, contents, relation, request: request.clone() });
    for _ in 0..TRIES {
        let looking = Arc::clone(&job);
        let mut outcome = blocking::run(move || looking.look()).await??;
        if let Looked::Missing { places, missing } = outcome {
            let (job, version) = (Arc::clone(&job), table.relation.version().clone());
            outcome = worker::read_version(&shared.pool, version, move |connection| {
                let next = job.contents.places.next();
                let fetched = fetch(connection, &job.relation, &job.contents.records, &missing, next)?;
                job.finish(places, fetched)
            })
            .await?;
        }
        match outcome {
            Looked::Unknown => return Ok(None),
            // Some have gone meanwhile.
            Looked::Missing { .. } => {}
            Looked::Found(answer) => {
                tracing::info!(
                    schema.name = %table.schema.name(),
                    scan.rows = answer.rows.num_rows(),
                    duration_ms = started.elapsed().as_secs_f64() * 1e3,
                    outcome = "completed",
                    "store scan by index"
                );
                return Ok(Some(answer));
            }
        }
    }
    Ok(None)
}

/// A scan that an index is to answer.
struct Job {
    read: IndexRead,
    contents: Arc<Contents>,
    relation: Arc<Relation>,
    request: ScanRequest,
}

/// What came of it.
enum Looked {
    /// The engine is to be asked.
    Unknown,
    /// Records at these places are asked for, and some of them are not in memory.
    Missing {
        places: Vec<i64>,
        missing: Vec<i64>,
    },
    Found(Answer),
}

impl Job {
    fn look(&self) -> Result<Looked, StoreError> {
        let Some(places) = self.read.places(&self.contents, &self.request) else { return Ok(Looked::Unknown) };
        self.finish(places, HashMap::new())
    }

    /// Answers with the records at these places, some of which were fetched, if the others are in memory.
    fn finish(&self, places: Vec<i64>, mut fetched: HashMap<i64, Kept>) -> Result<Looked, StoreError> {
        let (mut found, mut missing) = (Vec::with_capacity(places.len()), Vec::new());
        for place in &places {
            match fetched.remove(place).or_else(|| self.contents.records.get(*place)) {
                Some(kept) => found.push((*place, kept)),
                None => missing.push(*place),
            }
        }
        self.contents.records.count(found.len(), missing.len());
        if !missing.is_empty() {
            return Ok(Looked::Missing { places, missing });
        }
        let (rows, matching) = self.read.rows(&self.contents, &self.relation, &self.request, &found)?;
        Ok(Looked::Found(Answer { read: self.read.clone(), rows, looked_at: places.len(), matching }))
    }
}

/// Whether the required conditions of a filter are all of it.
fn is_conjunction(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(is_conjunction),
        Filter::Condition(_) => true,
        Filter::Or(_) | Filter::Not(_) => false,
    }
}

/// The ranges of the keys of records that fulfil a condition, in order; `None` when an index has none for it.
fn ranges_of(number: u32, condition: &Condition) -> Option<Vec<KeyRange>> {
    Some(match (condition.operator(), condition.operand()) {
        (Operator::Eq, Operand::One(value)) => vec![KeyRange::of_value(number, value)],
        (Operator::Gt, Operand::One(value)) => vec![KeyRange::since(number, value, false)],
        (Operator::Gte, Operand::One(value)) => vec![KeyRange::since(number, value, true)],
        (Operator::Lt, Operand::One(value)) => vec![KeyRange::until(number, value, false)],
        (Operator::Lte, Operand::One(value)) => vec![KeyRange::until(number, value, true)],
        (Operator::In, Operand::Many(values)) => {
            let mut ranges: Vec<KeyRange> = values.iter().map(|value| KeyRange::of_value(number, value)).collect();
            ranges.sort_by(|one, other| one.from.cmp(&other.from));
            ranges.dedup();
            ranges
        }
        (Operator::IsNull, _) => vec![KeyRange::absent(number)],
        (Operator::IsNotNull, _) => vec![KeyRange::present(number)],
        (
            Operator::Ne
            | Operator::Like
            | Operator::Ilike
            | Operator::Eq
            | Operator::Gt
            | Operator::Gte
            | Operator::Lt
            | Operator::Lte
            | Operator::In,
            _,
        ) => return None,
    })
}

/// What is in a range of both lists, in order. Neither has ranges that overlap.
fn both(ranges: Vec<KeyRange>, others: &[KeyRange]) -> Vec<KeyRange> {
    let pairs = ranges.into_iter().flat_map(|range| others.iter().map(move |other| range.clone().and(other.clone())));
    pairs.filter(|range| !range.is_empty()).collect()
}

/// Places that are gathered.
struct Walk<'w> {
    view: &'w View<'w>,
    contents: &'w Contents,
    index: &'w Index,
    places: Vec<i64>,
    /// Places after which nothing more is wanted.
    most: usize,
    /// Whether a value was met that the index has not whole.
    is_cut: bool,
}

impl Walk<'_> {
    /// Gathers a range in its order. `None` when it cannot be read.
    fn forward(&mut self, range: &KeyRange) -> Option<()> {
        let Self { view, contents, index, places, most, is_cut } = self;
        if places.len() >= *most {
            return Some(());
        }
        let is_of_ids = index.fields.is_empty();
        let (mut looked_at, mut is_told) = (0, true);
        contents.indexes.tree.visit(range, |found, value| {
            let place = key::place(if is_of_ids { value } else { found });
            if view.holds(place) {
                *is_cut |= !is_of_ids && !value.is_empty();
                places.push(place);
            }
            // The entry of an id leads to its next record already, and to the one of the view no more.
            is_told &= !is_of_ids || place < view.next();
            looked_at += 1;
            places.len() < *most && is_told && looked_at < MOST_LOOKED_AT
        })?;
        (is_told && looked_at < MOST_LOOKED_AT).then_some(())
    }

    /// Gathers in the order of the values, behind a position; nulls last, records of one value by their places.
    fn in_order(&mut self, ranges: Vec<KeyRange>, direction: Direction, after: Option<&Position>) -> Option<()> {
        let number = self.index.number;
        let (mut absent, mut present): (Vec<KeyRange>, Vec<KeyRange>) =
            ranges.into_iter().partition(|range| KeyRange::absent(number).from <= range.from);
        if let Some(position) = after {
            let value = position.keys.first()?;
            let of_value = KeyRange::of_value(number, value);
            let mut from = of_value.from.clone();
            key::push_place(&mut from, position.sequence.saturating_add(1));
            let rest = vec![KeyRange { from, to: of_value.to.clone() }];
            if *value == Value::Null {
                present.clear();
                absent = both(absent, &rest);
            } else {
                for range in both(present.clone(), &rest) {
                    self.forward(&range)?;
                }
                let beyond = match direction {
                    Direction::Ascending => KeyRange { from: of_value.to, to: KeyRange::present(number).to },
                    Direction::Descending => KeyRange { from: KeyRange::present(number).from, to: of_value.from },
                };
                present = both(present, &[beyond]);
            }
        }
        match direction {
            Direction::Ascending => present.iter().try_for_each(|range| self.forward(range))?,
            Direction::Descending => present.iter().rev().try_for_each(|range| self.backward(range))?,
        }
        absent.iter().try_for_each(|range| self.forward(range))
    }

    /// Gathers the values of a range from its end, and the records of each by their places.
    fn backward(&mut self, range: &KeyRange) -> Option<()> {
        let mut left = range.clone();
        while self.places.len() < self.most && !left.is_empty() {
            let Some(last) = self.contents.indexes.tree.last(&left).ok()? else { break };
            let value = if self.index.fields.is_empty() { &last } else { key::values(&last) };
            let of_value = KeyRange::beginning(value.to_vec());
            let of_value = of_value.and(left.clone());
            self.forward(&of_value)?;
            left.to = of_value.from;
        }
        Some(())
    }
}

/// The values of records.
struct Values<'r> {
    columns: HashMap<usize, Column<'r>>,
}

impl<'r> Values<'r> {
    fn of(relation: &Relation, records: &'r RecordBatch) -> Self {
        let fields = relation.schema().fields();
        let column = |field: &Field| (field.column(), Column::of(records.column(field.column()), field.data_type()));
        Self { columns: fields.iter().map(column).collect() }
    }

    fn at(&self, field: &Field, row: usize) -> ValueRef<'_> {
        self.columns.get(&field.column()).map_or(ValueRef::Null, |column| column.value(row))
    }

    /// The order of two records: by the keys of a sort, nulls last, then by their places.
    fn order(&self, sort: &[SortKey], places: &[i64], one: usize, other: usize) -> Ordering {
        let by_keys = sort.iter().map(|key| ordered(key, &self.at(&key.field, one), &self.at(&key.field, other)));
        by_keys.fold(Ordering::Equal, Ordering::then).then(places[one].cmp(&places[other]))
    }

    /// Whether a record comes after a position.
    fn is_after(&self, sort: &[SortKey], position: &Position, place: i64, row: usize) -> bool {
        let keys = sort.iter().zip(&position.keys);
        let by_keys = keys.map(|(key, value)| ordered(key, &self.at(&key.field, row), value));
        by_keys.fold(Ordering::Equal, Ordering::then).then(place.cmp(&position.sequence)).is_gt()
    }
}

fn ordered(key: &SortKey, one: &ValueRef<'_>, other: &ValueRef<'_>) -> Ordering {
    match (one, other) {
        (ValueRef::Null, ValueRef::Null) => Ordering::Equal,
        (ValueRef::Null, _) => Ordering::Greater,
        (_, ValueRef::Null) => Ordering::Less,
        (one, other) => {
            let order = one.compare(other).unwrap_or(Ordering::Equal);
            if key.direction == Direction::Ascending { order } else { order.reverse() }
        }
    }
}

/// Some rows of whole records with the columns of a scan.
fn result(
    relation: &Relation,
    request: &ScanRequest,
    records: &RecordBatch,
    places: &[i64],
    rows: &[usize],
) -> Result<RecordBatch, StoreError> {
    let columns = scan_schema(relation.schema(), request);
    let projected = request.query.projection.fields().iter().map(Field::column);
    let keys = request.query.sort.iter().map(|key| key.field.column()).filter(|_| request.with_positions);
    let mut arrays: Vec<ArrayRef> = projected.chain(keys).map(|column| Arc::clone(records.column(column))).collect();
    if request.with_positions {
        arrays.push(Arc::new(Int64Array::from(places.to_vec())));
    }
    let all = RecordBatch::try_new(columns, arrays).map_err(arrow_error)?;
    if rows.iter().copied().eq(0..places.len()) {
        return Ok(all);
    }
    let rows = Int64Array::from_iter_values(rows.iter().map(|row| i64::try_from(*row).unwrap_or(i64::MAX)));
    take_record_batch(&all, &rows).map_err(arrow_error)
}
