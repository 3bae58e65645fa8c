//! Records at places, from memory or from the table.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{ScanRequest, StoreError};
use eider_domain::RecordQuery;
use eider_engine_duckdb::columns::{ids_of, scan_schema};
use eider_engine_duckdb::error::arrow_error;
use eider_engine_duckdb::sql::{self, Statement, rows};
use eider_engine_duckdb::{Connection, Relation};
use uuid::Uuid;

use crate::table::record_cache::{Block, CachedRecords, Kept};
use crate::table::seeking::{Contents, Sought};

/// Blocks that are read at once. To read one takes about as long as to read sixteen single records.
const MOST_BLOCKS: usize = 4;
/// A block is read when so many times as many of its records are wanted as it has.
const LEAST_SHARE: usize = 32;

/// What is found of some records.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) found: HashMap<Uuid, RecordBatch>,
    /// Those of which nothing is known. Of the others that are not found there is none.
    pub(crate) elsewhere: Vec<Uuid>,
    /// Records that were looked for in the table.
    pub(crate) asked_for: usize,
}

/// Looks for records by their ids: in memory, then where the index leads to.
///
/// # Errors
/// Whatever the engine fails with.
pub(crate) fn look(
    connection: &Connection,
    relation: &Relation,
    contents: &Contents,
    ids: &[Uuid],
) -> Result<Looked, StoreError> {
    let mut looked = Looked::default();
    let (mut at, next) = (HashMap::new(), contents.places.next());
    for id in ids {
        match contents.seek(*id)? {
            Sought::Record(record) => {
                looked.found.insert(*id, record);
            }
            Sought::Nothing => {}
            Sought::At(place) => {
                at.insert(*id, place);
            }
            Sought::Unknown => looked.elsewhere.push(*id),
        }
    }
    looked.asked_for = at.len() + looked.elsewhere.len();
    contents.records.count(ids.len() - looked.asked_for, looked.asked_for);
    if at.is_empty() {
        return Ok(looked);
    }
    let records = &contents.records;
    let places: Vec<i64> = at.values().copied().collect();
    let fetched = fetch(connection, relation, records, &places, next)?;
    for (id, place) in at {
        let record = fetched.get(&place).map(|kept| records.batch(&[kept])).transpose()?;
        // Since it was looked for it may have gone, or be at another place. And an index may lead to the place of another, if
        // the commit that it was told of was lost.
        match record.filter(|record| ids_of(record).next() == Some(id)) {
            Some(record) => {
                records.keep_place(id, place);
                looked.found.insert(id, record);
            }
            None => looked.elsewhere.push(id),
        }
    }
    Ok(looked)
}

/// Reads the records at some places that are not in memory, and keeps them there. `next` is the first place that the table
/// has not taken. Those are missing that are not there any more.
///
/// # Errors
/// Whatever the engine fails with.
pub(crate) fn fetch(
    connection: &Connection,
    relation: &Relation,
    records: &CachedRecords,
    places: &[i64],
    next: i64,
) -> Result<HashMap<i64, Kept>, StoreError> {
    let mut found = HashMap::with_capacity(places.len());
    let mut wanted: Vec<i64> = places.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    if let Some(first) = wanted.first().filter(|first| records.block_of(**first).is_none()) {
        // Only to see how large records are.
        read_block(connection, relation, records, records.places_around(*first))?;
    }
    let mut blocks: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for place in &wanted {
        blocks.entry(records.block_of(*place).unwrap_or(*place)).or_default().push(*place);
    }
    let likes_blocks = records.prefers_blocks(next);
    let size = |place: i64| {
        let around = records.places_around(place);
        usize::try_from(around.end - around.start).unwrap_or(1)
    };
    let mut chosen: Vec<&Vec<i64>> =
        blocks.values().filter(|wanted| likes_blocks || wanted.len() * LEAST_SHARE >= size(wanted[0])).collect();
    chosen.sort_by_key(|wanted| std::cmp::Reverse(wanted.len()));
    for of_block in chosen.into_iter().take(MOST_BLOCKS) {
        let block = read_block(connection, relation, records, records.places_around(of_block[0]))?;
        take(&mut wanted, block.as_ref(), &mut found);
    }
    if !wanted.is_empty() {
        let request = whole(relation);
        let statement = sql::scan_listed(relation, &request, &wanted);
        if let Some((batch, taken)) = read(connection, relation, &request, &statement, usize::MAX)? {
            records.keep(&batch, &taken)?;
            let block = Arc::new(Block { places: taken, records: batch });
            take(&mut wanted, Some(&block), &mut found);
        }
    }
    Ok(found)
}

/// Takes from a block what is wanted of it.
fn take(wanted: &mut Vec<i64>, block: Option<&Arc<Block>>, found: &mut HashMap<i64, Kept>) {
    let Some(block) = block else { return };
    wanted.retain(|place| match block.row(*place) {
        Some(row) => {
            found.insert(*place, Kept::Row(Arc::clone(block), row));
            false
        }
        None => true,
    });
}

/// Reads the records of some places as a block; `None` when they are too large for one.
fn read_block(
    connection: &Connection,
    relation: &Relation,
    records: &CachedRecords,
    places: Range<i64>,
) -> Result<Option<Arc<Block>>, StoreError> {
    let request = whole(relation);
    let statement = sql::scan_places(relation, &request, places.clone());
    let read = read(connection, relation, &request, &statement, CachedRecords::most_block_bytes())?;
    Ok(read.map(|(batch, taken)| records.keep_block(&places, Block { places: taken, records: batch })))
}

/// Reads whole records and their places, in the order of these; `None` when they take more bytes.
fn read(
    connection: &Connection,
    relation: &Relation,
    request: &ScanRequest,
    statement: &Statement,
    most_bytes: usize,
) -> Result<Option<(RecordBatch, Vec<i64>)>, StoreError> {
    let schema = relation.schema();
    let Some(read) = rows::collect(connection, statement, &scan_schema(schema, request), most_bytes)? else {
        return Ok(None);
    };
    let fields = schema.arrow().fields().len();
    let places = read.column(fields).as_primitive::<Int64Type>().values().to_vec();
    let columns = read.columns()[..fields].to_vec();
    let records = RecordBatch::try_new(Arc::clone(schema.arrow()), columns).map_err(arrow_error)?;
    Ok(Some((records, places)))
}

fn whole(relation: &Relation) -> ScanRequest {
    ScanRequest { with_positions: true, ..ScanRequest::new(RecordQuery::everything(relation.schema())) }
}
