//! The indexes of a schema's table, and how they are kept up with it.
//!
//! Whoever has committed something adds it, before [`Places`](crate::table::places) are told: what is stored from the log
//! is added as it is, and after any other commit the new records are read from the table. An index that lacks more, since it
//! is new or a start found it behind, is brought up beside readers and writers (`write::indexing`). Until then nobody asks
//! it.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch};
use eider_application::ports::{Column, ScanRequest, StoreError};
use eider_domain::{Field, Projection, RecordQuery, Schema, SystemField};
use eider_engine_duckdb::columns::{port_batch, scan_schema};
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::{Connection, Relation, params_from_iter, sql};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::index::catalog::{self, Index};
use crate::index::entries::Entries;
use crate::index::key;
use crate::index::tree::{Tree, Unusable};
use crate::table::places::View;

/// Entries that are gathered and sorted at once.
const MOST_ENTRIES: usize = 400_000;
/// Places whose records are read while writers wait.
pub(crate) const FEW_PLACES: i64 = 50_000;

/// The indexes of a version of a schema.
#[derive(Debug, Clone)]
pub(crate) struct Indexes {
    pub(crate) tree: Arc<Tree>,
    /// `None` when there is no tree.
    of_schema: Option<(Index, Vec<Index>)>,
    /// Tells the task in `write::indexing` that some are behind.
    behind: mpsc::Sender<()>,
}

impl Indexes {
    /// The indexes of a schema in whose table `next` is the first place that is not taken. `behind` is to be told when some
    /// lack records, by [`Indexes::tell_of_those_behind`].
    pub(crate) fn new(tree: &Arc<Tree>, schema: &Schema, next: i64, behind: mpsc::Sender<()>) -> Self {
        let of_schema = catalog::indexes_of(tree, schema, next, &[]);
        Self { tree: Arc::clone(tree), of_schema, behind }
    }

    /// Those of the next version. What it asks for as the version before did is kept.
    pub(crate) fn evolved(self, schema: &Schema, next: i64) -> Self {
        let known: Vec<Index> = self.all().cloned().collect();
        let of_schema = catalog::indexes_of(&self.tree, schema, next, &known);
        Self { of_schema, ..self }
    }

    /// All of them, that of ids first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Index> {
        self.of_schema.iter().flat_map(|(ids, others)| std::iter::once(ids).chain(others))
    }

    /// The index on a field alone, if it has every record of a view.
    pub(crate) fn on(&self, field: &Field, view: &View<'_>) -> Option<&Index> {
        let is_on = |index: &&Index| match index.fields.as_slice() {
            [] => *field == Field::System(SystemField::Id),
            [only] => only == field,
            _ => false,
        };
        self.all().find(is_on).filter(|index| index.covered() >= view.next())
    }

    /// Those on unique values, if all have every record below a place.
    pub(crate) fn unique(&self, next: i64) -> Option<Vec<&Index>> {
        let (_, others) = self.of_schema.as_ref().filter(|_| self.tree.is_usable())?;
        let unique: Vec<&Index> = others.iter().filter(|index| index.is_unique).collect();
        unique.iter().all(|index| index.covered() >= next).then_some(unique)
    }

    /// Those that have every record below a place, but for that of ids.
    pub(crate) fn current(&self, next: i64) -> Vec<&Index> {
        self.all().filter(|index| !index.fields.is_empty() && index.covered() >= next).collect()
    }

    /// Whether the index of ids has every record below a place.
    pub(crate) fn has_ids(&self, next: i64) -> bool {
        self.tree.is_usable() && self.of_schema.as_ref().is_some_and(|(ids, _)| ids.covered() >= next)
    }

    /// The place of the last record of an id that was added, if there is any. The caller has found that the index of ids has
    /// what it wants.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn place_of(&self, id: Uuid) -> Result<Option<i64>, Unusable> {
        let (ids, _) = self.of_schema.as_ref().ok_or(Unusable)?;
        let mut wanted = Vec::with_capacity(21);
        key::push_id(&mut wanted, ids.number, id.as_bytes());
        self.tree.get(&wanted).map(|found| found.map(|place| key::place(&place)))
    }

    /// The places of the records of some ids, as [`Indexes::place_of`] finds them. `None` when one is not known.
    pub(crate) fn places_of(&self, ids: &HashSet<Uuid>) -> Option<Vec<i64>> {
        ids.iter().map(|id| self.place_of(*id).ok().flatten()).collect()
    }

    /// Adds records that the table has since it had everything below `before`, to those indexes that had all of that too.
    pub(crate) fn add(&self, records: &RecordBatch, places: &[i64], before: i64, next: i64) {
        let current = self.at(before);
        let mut entries = Entries::default();
        fill(&mut entries, &current, places, |field| records.column(field.column()));
        self.put(&current, entries, next);
    }

    /// Adds what the table has since it had everything below `before`, to those indexes that had all of that too.
    ///
    /// # Errors
    /// When it cannot be read; the indexes are behind then.
    pub(crate) fn catch_up(
        &self,
        connection: &Connection,
        relation: &Relation,
        before: i64,
        next: i64,
    ) -> Result<(), StoreError> {
        let current = self.at(before);
        let mut first = before;
        while first < next && !current.is_empty() {
            first = self.read(connection, relation, &current, first..next)?;
        }
        Ok(())
    }

    /// Adds the first records of some places to indexes that have all before. Up to where they go then.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn read(
        &self,
        connection: &Connection,
        relation: &Relation,
        indexes: &[&Index],
        places: Range<i64>,
    ) -> Result<i64, StoreError> {
        let most = i64::try_from(MOST_ENTRIES / indexes.len().max(1)).unwrap_or(1).max(1);
        let places = places.start..places.end.min(places.start.saturating_add(most));
        let schema = relation.schema();
        let projection = Projection::of(schema, fields_of(indexes));
        let query = RecordQuery { projection, ..RecordQuery::everything(schema) };
        let request = ScanRequest { with_positions: true, ..ScanRequest::new(query) };
        let columns = scan_schema(schema, &request);
        let statement = sql::scan_places(relation, &request, places.clone());
        let mut prepared = sql::Prepared::new(connection, &statement)?;
        let mut entries = Entries::default();
        for batch in prepared.stream_arrow(params_from_iter(statement.values.iter())).map_err(store_error)? {
            let batch = port_batch(&batch.map_err(store_error)?, &columns)?;
            let fields = request.query.projection.fields();
            let place_of = |field: &Field| fields.iter().position(|other| other == field).unwrap_or_default();
            let taken = batch.column(fields.len()).as_primitive::<Int64Type>().values();
            fill(&mut entries, indexes, taken, |field| batch.column(place_of(field)));
        }
        self.put(indexes, entries, places.end);
        Ok(places.end)
    }

    /// Forgets those of a schema that was removed.
    pub(crate) fn forget(&self, schema: &Schema) {
        catalog::forget(&self.tree, schema, &self.all().cloned().collect::<Vec<_>>());
    }

    /// Brings up indexes that lack few records. The caller lets nobody else change the table.
    ///
    /// # Errors
    /// When the records cannot be read; the indexes stay behind then.
    pub(crate) fn begin(&self, connection: &Connection, relation: &Relation, next: i64) -> Result<(), StoreError> {
        for index in self.all().filter(|index| next - index.covered() <= FEW_PLACES) {
            self.finish(connection, relation, index, next)?;
        }
        Ok(())
    }

    /// Brings up an index. The caller lets nobody else change the table.
    ///
    /// # Errors
    /// When the records cannot be read; the index stays behind then.
    pub(crate) fn finish(
        &self,
        connection: &Connection,
        relation: &Relation,
        index: &Index,
        next: i64,
    ) -> Result<(), StoreError> {
        let mut first = index.covered();
        while first < next && self.tree.is_usable() {
            first = self.read(connection, relation, &[index], first..next)?;
        }
        Ok(())
    }

    /// Says it when some indexes lack records below a place.
    pub(crate) fn tell_of_those_behind(&self, next: i64) {
        if self.all().any(|index| index.covered() < next) {
            self.tell();
        }
    }

    /// Says that some indexes are behind.
    pub(crate) fn tell(&self) {
        // Who was told already has not looked yet.
        let _ = self.behind.try_send(());
    }

    /// Those that have everything below a place, and nothing more.
    fn at(&self, next: i64) -> Vec<&Index> {
        self.all().filter(|index| index.covered() == next).collect()
    }

    /// Puts entries into the tree, and then how far they go.
    fn put(&self, indexes: &[&Index], mut entries: Entries, next: i64) {
        let marks: Vec<_> = indexes.iter().map(|index| index.mark(next)).collect();
        if !marks.is_empty() && self.tree.add(entries.sorted(), &marks).is_some() {
            for index in indexes {
                index.advance(next);
            }
        }
    }
}

/// What indexes are on, and the id.
pub(crate) fn fields_of(indexes: &[&Index]) -> Vec<Field> {
    let fields = indexes.iter().flat_map(|index| index.fields.iter().cloned());
    std::iter::once(Field::System(SystemField::Id)).chain(fields).collect()
}

/// Makes the entries of records at some places.
pub(crate) fn fill<'b>(
    entries: &mut Entries,
    indexes: &[&Index],
    places: &[i64],
    column: impl Fn(&Field) -> &'b ArrayRef,
) {
    for index in indexes {
        if index.fields.is_empty() {
            entries.add_ids(index.number, column(&Field::System(SystemField::Id)), places);
        } else {
            let columns = index.fields.iter().map(|field| Column::of(column(field), field.data_type()));
            entries.add_values(index.number, &columns.collect::<Vec<_>>(), places);
        }
    }
}
