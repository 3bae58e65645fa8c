//! Whether the indexes beside the file lead to every record.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{ScanRequest, StoreError};
use eider_domain::{Projection, RecordQuery, Schema};
use eider_engine_duckdb::columns::{port_batch, scan_schema};
use eider_engine_duckdb::connection::TableVersion;
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::{Connection, Relation, ident, params_from_iter, sql};

use super::tables::Outcome;
use crate::catalog::{self, StoredSchema};
use crate::file::names;
use crate::index::catalog::{Index, noted};
use crate::index::entries::Entries;
use crate::index::tree::Tree;
use crate::table::indexing::{fields_of, fill};

/// Records that are looked up when not all are.
const SAMPLE: u64 = 1_000;
pub(super) const ANEW: &str = "start the server: it makes the indexes anew";

/// The schema as an open store has it, and its indexes in the tree; none where the next start makes them.
pub(super) fn indexes_of(
    connection: &Connection,
    stored: &StoredSchema,
    tree: &Tree,
) -> Result<(Arc<Schema>, Vec<Index>), StoreError> {
    let identity = catalog::history::stored_identity(connection)?;
    let property_ids = catalog::property_ids(connection, &stored.schema)?;
    let schema = Schema::new(stored.schema.definition().clone(), stored.schema.version(), stored.schema.created_at());
    let schema = schema.in_store(identity).with_property_ids(property_ids);
    let next = catalog::counters(connection, stored)?.next_sequence();
    let indexes = noted(tree, &schema, next);
    Ok((Arc::new(schema), indexes))
}

/// Looks up records where an index should lead to them. Of one that does not, all are made anew by the next start.
pub(super) fn index(
    connection: &Connection,
    schema: &Arc<Schema>,
    tree: &Tree,
    index: &Index,
    all: bool,
) -> Result<Outcome, StoreError> {
    let indexes = [index];
    let query =
        RecordQuery { projection: Projection::of(schema, fields_of(&indexes)), ..RecordQuery::everything(schema) };
    let request = ScanRequest { with_positions: true, ..ScanRequest::new(query) };
    let relation = Relation::new(Arc::clone(schema), names::table(schema), TableVersion::first());
    let mut statement = sql::scan_places(&relation, &request, 0..index.covered());
    if !all {
        statement.push(&format!(" ORDER BY hash({}) LIMIT {SAMPLE}", ident::SEQUENCE));
    }
    let columns = scan_schema(schema, &request);
    let fields = request.query.projection.fields();
    let mut prepared = connection.prepare(&statement.sql).map_err(store_error)?;
    let (mut looked_up, mut missing) = (0, 0);
    for batch in prepared.stream_arrow(params_from_iter(statement.values.iter())).map_err(store_error)? {
        let batch = port_batch(&batch.map_err(store_error)?, &columns)?;
        let places = batch.column(fields.len()).as_primitive::<Int64Type>().values();
        let column = |field: &_| fields.iter().position(|other| other == field).unwrap_or_default();
        let mut entries = Entries::default();
        fill(&mut entries, &indexes, places, |field| batch.column(column(field)));
        for (key, value) in entries.sorted() {
            let found = tree.get(key).ok().flatten();
            looked_up += 1;
            missing += u64::from(found.is_none_or(|found| found[..] != *value));
        }
    }
    if missing == 0 && tree.is_usable() {
        return Ok(Ok(format!(
            "{looked_up} records looked up, and it leads to each; it has those up to {}",
            index.covered() - 1
        )));
    }
    tree.spoil("records are missing");
    Ok(Err((format!("it does not lead to {missing} of {looked_up} records"), ANEW)))
}
