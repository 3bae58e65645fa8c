//! Which places in commit order hold a record now.
//!
//! A record keeps its place until it is replaced or deleted, and no other ever takes it. So an index that leads to places
//! and a copy of the record at a place are right for as long as the place holds a record, and this is where that is asked.
//! It tells of the table, not of changes that are pending: whoever wants those looks there first.
//!
//! Commits of the engine become visible to other readers a moment before they are told of here. Changes of single records
//! are pending until then. Whoever changes the table otherwise holds a [`Change`] meanwhile, and nothing is told to
//! anybody: they ask the table.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use roaring::RoaringTreemap;

/// The places of a schema's table.
#[derive(Debug)]
pub(crate) struct Places {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    /// The first place that no commit of the table has taken.
    next: i64,
    /// The places below `next` that hold nothing.
    empty: Empty,
    /// Changes that are under way.
    changes: usize,
    /// Commits that left places empty without naming them.
    unnamed: u64,
}

#[derive(Debug)]
enum Empty {
    Known(RoaringTreemap),
    /// Not known but for those that became empty since somebody began to count.
    Unknown {
        since: RoaringTreemap,
    },
}

/// What a commit left empty.
#[derive(Debug)]
pub(crate) enum Emptied {
    /// These places.
    Places(Vec<i64>),
    /// Some; the table has to be asked.
    Unknown,
}

/// The places as they are as long as this is held.
pub(crate) struct View<'p> {
    state: RwLockReadGuard<'p, State>,
}

/// A change of the table that is under way; over, and rolled back, when it is dropped.
#[derive(Debug)]
pub(crate) struct Change<'p>(&'p Places);

/// A count of what is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// The places below this are counted.
    pub(crate) next: i64,
    unnamed: u64,
}

impl Places {
    /// The places of a table in which `next` is the first that was not taken.
    pub(crate) fn new(next: i64) -> Self {
        let none = RoaringTreemap::new();
        let empty = if next > 1 { Empty::Unknown { since: none } } else { Empty::Known(none) };
        Self { state: RwLock::new(State { next, empty, changes: 0, unnamed: 0 }) }
    }

    /// The first place that no commit of the table has taken.
    pub(crate) fn next(&self) -> i64 {
        self.read().next
    }

    /// The places as they are now; `None` when the table has to be asked.
    pub(crate) fn view(&self) -> Option<View<'_>> {
        Self::viewed(self.read())
    }

    /// The same for those who may not wait: `None` also when others change it right now.
    pub(crate) fn view_at_once(&self) -> Option<View<'_>> {
        match self.state.try_read() {
            Ok(state) => Self::viewed(state),
            Err(TryLockError::Poisoned(error)) => Self::viewed(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn viewed(state: RwLockReadGuard<'_, State>) -> Option<View<'_>> {
        (state.changes == 0 && matches!(state.empty, Empty::Known(_))).then_some(View { state })
    }

    /// Begins a change of which others may see something in the table before it is told of. To be called before its
    /// commit.
    pub(crate) fn begin_change(&self) -> Change<'_> {
        self.write().changes += 1;
        Change(self)
    }

    /// Tells of a commit of the table.
    pub(crate) fn commit(&self, next: i64, emptied: Emptied) {
        let mut state = self.write();
        state.next = next;
        match emptied {
            Emptied::Places(places) => {
                let (Empty::Known(empty) | Empty::Unknown { since: empty }) = &mut state.empty;
                empty.extend(places.iter().map(|place| place.unsigned_abs()));
            }
            Emptied::Unknown => {
                state.unnamed += 1;
                state.empty = Empty::Unknown { since: RoaringTreemap::new() };
            }
        }
    }

    /// Begins to count what is empty; `None` when that is known. To be called before the snapshot that is counted.
    pub(crate) fn begin_count(&self) -> Option<Count> {
        let state = self.read();
        let is_known = matches!(state.empty, Empty::Known(_));
        (!is_known).then_some(Count { next: state.next, unnamed: state.unnamed })
    }

    /// Takes the places that were empty in a snapshot; `false` when a commit since then has left others that it did not
    /// name.
    pub(crate) fn end_count(&self, count: Count, mut counted: RoaringTreemap) -> bool {
        let mut state = self.write();
        if state.unnamed != count.unnamed {
            return false;
        }
        if let Empty::Unknown { since } = &mut state.empty {
            counted |= std::mem::take(since);
            state.empty = Empty::Known(counted);
        }
        true
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View<'_> {
    /// Whether a place that an index leads to holds a record.
    pub(crate) fn holds(&self, place: i64) -> bool {
        let Empty::Known(empty) = &self.state.empty else { return false };
        place < self.state.next && !empty.contains(place.unsigned_abs())
    }

    /// The first place that no commit of the table has taken.
    pub(crate) fn next(&self) -> i64 {
        self.state.next
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.0.write().changes -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(places: &Places, up_to: i64) -> Option<Vec<i64>> {
        let view = places.view()?;
        Some((1..=up_to).filter(|place| view.holds(*place)).collect())
    }

    #[test]
    fn a_place_holds_a_record_until_a_commit_says_otherwise() {
        let places = Places::new(1);
        assert_eq!(held(&places, 5), Some(vec![]));
        places.commit(4, Emptied::Places(vec![]));
        places.commit(5, Emptied::Places(vec![2]));
        assert_eq!(held(&places, 9), Some(vec![1, 3, 4]));
        assert_eq!(places.begin_count(), None, "it is known");
    }

    #[test]
    fn nothing_is_told_while_a_change_is_under_way() {
        let places = Places::new(1);
        let change = places.begin_change();
        assert_eq!(held(&places, 3), None);
        places.commit(3, Emptied::Places(vec![]));
        assert_eq!(held(&places, 3), None);
        drop(change);
        assert_eq!(held(&places, 3), Some(vec![1, 2]));
    }

    #[test]
    fn what_is_empty_is_counted_beside_commits() {
        let places = Places::new(6);
        assert_eq!(held(&places, 9), None, "of a table that was there before");
        let count = places.begin_count().unwrap();
        places.commit(8, Emptied::Places(vec![4]));
        assert!(places.end_count(count, RoaringTreemap::from_iter([2])));
        assert_eq!(held(&places, 9), Some(vec![1, 3, 5, 6, 7]));
    }

    #[test]
    fn a_count_is_of_no_use_after_a_commit_that_names_no_places() {
        let places = Places::new(6);
        let count = places.begin_count().unwrap();
        places.commit(7, Emptied::Unknown);
        assert!(!places.end_count(count, RoaringTreemap::from_iter([2])));
        let count = places.begin_count().unwrap();
        assert!(places.end_count(count, RoaringTreemap::from_iter([2, 3])));
        assert_eq!(held(&places, 9), Some(vec![1, 4, 5, 6]));
        places.commit(8, Emptied::Unknown);
        let count = places.begin_count().unwrap();
        assert!(places.end_count(count, RoaringTreemap::new()));
    }
}
