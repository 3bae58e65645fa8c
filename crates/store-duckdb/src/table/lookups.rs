//! Scans whose records an index finds, whatever else they ask for.
//!
//! The engine uses an index only where one condition on its column is all that it scans by: not beside another
//! condition, a cursor, or the end of the first records that a sort has found yet. So where an equality on an indexed property is
//! one of several things that are asked, its records are looked up by themselves first, and the rest is done to them. That
//! is worth it while they are few, which is counted before, up to as many as the engine looks up by an index. A property of
//! which they were many is left alone for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use eider_application::ports::{ScanRequest, StoreError};
use eider_domain::{Condition, Operator, Property};
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::sql;
use eider_engine_duckdb::sql::Prepared;
use eider_engine_duckdb::{Connection, Relation, params_from_iter};

/// Records that the engine looks up by an index at least; of large schemas it is a thousandth.
const MAX_ROWS: u64 = 2_048;
/// Scans for which a property is left alone after it had more.
const COOLDOWN: u32 = 100;

/// The properties of a schema that are left alone, and for how many scans.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    cooldowns: Mutex<HashMap<usize, u32>>,
}

impl Lookups {
    /// The condition whose records are to be looked up first; `None` when the scan is to be run as it is.
    pub(crate) fn condition<'r>(
        &self,
        connection: &Connection,
        relation: &Relation,
        request: &'r ScanRequest,
    ) -> Result<Option<&'r Condition>, StoreError> {
        if is_looked_up(request) {
            return Ok(None);
        }
        for condition in request.query.filter.required_conditions() {
            if !is_equality(condition) || !is_indexed(relation, condition) || self.is_cooling_down(condition) {
                continue;
            }
            let statement = sql::count_up_to(relation, condition, MAX_ROWS + 1);
            let mut prepared = Prepared::new(connection, &statement)?;
            let found: u64 =
                prepared.query_row(params_from_iter(statement.values.iter()), |row| row.get(0)).map_err(store_error)?;
            if found <= MAX_ROWS {
                return Ok(Some(condition));
            }
            self.lock().insert(condition.field().column(), COOLDOWN);
        }
        Ok(None)
    }

    /// Whether a property is left alone; one scan nearer to its end.
    fn is_cooling_down(&self, condition: &Condition) -> bool {
        let mut cooldowns = self.lock();
        let Some(cooldown) = cooldowns.get_mut(&condition.field().column()) else { return false };
        *cooldown = cooldown.saturating_sub(1);
        let is_over = *cooldown == 0;
        if is_over {
            cooldowns.remove(&condition.field().column());
        }
        !is_over
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<usize, u32>> {
        self.cooldowns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the engine uses an index of its own accord: a single condition, no cursor, and not both a sort and a limit.
fn is_looked_up(request: &ScanRequest) -> bool {
    let query = &request.query;
    query.filter.condition_count() <= 1 && request.after.is_none() && (query.sort.is_empty() || request.limit.is_none())
}

/// Whether a condition names the one value that an index is asked for.
pub(crate) fn is_equality(condition: &Condition) -> bool {
    match condition.operator() {
        Operator::Eq => true,
        Operator::Ne
        | Operator::Gt
        | Operator::Gte
        | Operator::Lt
        | Operator::Lte
        | Operator::In
        | Operator::Like
        | Operator::Ilike
        | Operator::IsNull
        | Operator::IsNotNull => false,
    }
}

fn is_indexed(relation: &Relation, condition: &Condition) -> bool {
    relation.property(condition.field()).is_some_and(Property::has_index)
}
