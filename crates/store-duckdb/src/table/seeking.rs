//! What is known of the records of a table without asking it.

use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::ports::StoreError;
use eider_engine_duckdb::columns::ids_of;
use uuid::Uuid;

use crate::index::tree::Unusable;
use crate::table::indexing::Indexes;
use crate::table::pending::{Found, Pending};
use crate::table::places::Places;
use crate::table::record_cache::CachedRecords;

/// How often a record is sought that is on its way into the table.
const TRIES: usize = 3;

/// What is known of the records of one version of a table.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) pending: Arc<Pending>,
    pub(crate) places: Arc<Places>,
    pub(crate) indexes: Indexes,
    pub(crate) records: CachedRecords,
}

/// What is known of a record.
#[derive(Debug)]
pub(crate) enum Sought {
    /// The record as it is now.
    Record(RecordBatch),
    /// There is none.
    Nothing,
    /// At this place of the table, a moment ago.
    At(i64),
    /// The table has to be asked.
    Unknown,
}

impl Contents {
    /// The record of an id, as far as memory tells without a look at any file.
    ///
    /// # Errors
    /// `Internal` when a record in memory cannot be read.
    pub(crate) fn recall(&self, id: Uuid) -> Result<Sought, StoreError> {
        match self.pending.find(id) {
            Found::Record(record) => return Ok(Sought::Record(record)),
            Found::Gone => return Ok(Sought::Nothing),
            Found::Elsewhere => {}
        }
        let (Some(place), Some(view)) = (self.records.place_of(id), self.places.view_at_once()) else {
            return Ok(Sought::Unknown);
        };
        // Where it was once. If it still is, it is as it was.
        if !view.holds(place) {
            return Ok(Sought::Unknown);
        }
        drop(view);
        let record = self.at(place, id)?;
        self.records.count(usize::from(record.is_some()), 0);
        Ok(record.map_or(Sought::Unknown, Sought::Record))
    }

    /// The record of an id: among what is pending, then where the index of ids leads to. It reads files.
    ///
    /// # Errors
    /// `Internal` when a record in memory cannot be read.
    pub(crate) fn seek(&self, id: Uuid) -> Result<Sought, StoreError> {
        for _ in 0..TRIES {
            match self.pending.find(id) {
                Found::Record(record) => return Ok(Sought::Record(record)),
                Found::Gone => return Ok(Sought::Nothing),
                Found::Elsewhere => {}
            }
            // Held until the place was looked up: what is committed later would lead elsewhere.
            let Some(view) = self.places.view() else {
                self.indexes.tell();
                return Ok(Sought::Unknown);
            };
            if !self.indexes.has_ids(view.next()) {
                return Ok(Sought::Unknown);
            }
            let place = match self.indexes.place_of(id) {
                Ok(Some(place)) => place,
                Ok(None) => return Ok(Sought::Nothing),
                Err(Unusable) => return Ok(Sought::Unknown),
            };
            if place < view.next() {
                if !view.holds(place) {
                    return Ok(Sought::Nothing);
                }
                drop(view);
                let Some(record) = self.at(place, id)? else { return Ok(Sought::At(place)) };
                self.records.keep_place(id, place);
                return Ok(Sought::Record(record));
            }
            // It is pending by now, or was told of.
        }
        Ok(Sought::Unknown)
    }

    /// The record at a place, if it is in memory, and is that of an id.
    fn at(&self, place: i64, id: Uuid) -> Result<Option<RecordBatch>, StoreError> {
        let Some(kept) = self.records.get(place) else { return Ok(None) };
        let record = self.records.batch(&[&kept])?;
        let is_of_id = ids_of(&record).next() == Some(id);
        Ok(is_of_id.then_some(record))
    }
}
