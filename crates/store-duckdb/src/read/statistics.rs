//! What a schema holds, counted.

use std::sync::Arc;

use eider_application::ports::{IdentityStatistics, SchemaStatistics, StoreError, StoreErrorKind};
use eider_domain::{Filter, Index, Schema};
use eider_engine_duckdb::error::{internal, store_error};
use eider_engine_duckdb::ident;
use eider_engine_duckdb::read::count_now;
use eider_engine_duckdb::{Connection, Relation};

use crate::table::Shared;

/// The statistics of a schema, with its indexes and those of its ids.
pub(crate) fn statistics(
    connection: &Connection,
    relation: &Relation,
    indexes: Vec<Index>,
    identity: IdentityStatistics,
) -> Result<SchemaStatistics, StoreError> {
    let record_count = count_now(connection, relation, &Filter::everything())?;
    // Segments that share a block name it each; a block counts once.
    let blocks = format!(
        "SELECT count(DISTINCT block_id) * (SELECT block_size FROM pragma_database_size() LIMIT 1) \
         FROM pragma_storage_info({}) WHERE persistent AND block_id >= 0",
        ident::literal(relation.source()),
    );
    let size_bytes: i64 = connection.query_row(&blocks, [], |row| row.get(0)).map_err(store_error)?;
    let size_bytes = u64::try_from(size_bytes).map_err(|_| internal("the engine counts a negative size"))?;
    Ok(SchemaStatistics { record_count, size_bytes, indexes, identity })
}

/// How many records each of some schemas has, in their order; `None` of one that was removed.
pub(crate) fn record_counts(
    connection: &Connection,
    shared: &Shared,
    schemas: &[Arc<Schema>],
) -> Result<Vec<Option<u64>>, StoreError> {
    let count = |schema: &Arc<Schema>| {
        let Ok(relation) = shared.relation_now(schema) else { return Ok(None) };
        match count_now(connection, &relation, &Filter::everything()) {
            // The table may be that of another schema that took its name.
            Ok(count) => Ok(shared.current(schema).is_ok().then_some(count)),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    };
    schemas.iter().map(count).collect()
}
