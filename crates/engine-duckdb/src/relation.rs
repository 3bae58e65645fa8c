//! Where the records of a schema are read from.

use std::sync::Arc;

use eider_domain::{Field, Property, Schema};

use crate::connection::version::TableVersion;

/// The rows that hold the records of one version of a schema, as statements name them.
///
/// A store makes one for each version: of a table, or of a view over the files of a snapshot. Statements that read know
/// nothing else of the store, so a relation promises
///
/// - a column for each field of the schema, with its name and the type that [`column_type`](crate::sql::column_type)
///   gives it;
/// - the column [`SEQUENCE`](crate::ident::SEQUENCE), a `BIGINT` without nulls that differs between records and grows in
///   commit order;
/// - its rows in that order where no other is asked for. A page in commit order is read without `ORDER BY`: it ends as
///   soon as it is full, and would be of the wrong records otherwise;
/// - all of that as long as its version is the current one.
#[derive(Debug, Clone)]
pub struct Relation {
    schema: Arc<Schema>,
    source: Box<str>,
    version: TableVersion,
}

impl Relation {
    /// The relation of a schema that is read from `source`: what may stand behind `FROM`, with every name in it quoted.
    pub fn new(schema: Arc<Schema>, source: impl Into<Box<str>>, version: TableVersion) -> Self {
        Self { schema, source: source.into(), version }
    }

    /// The schema that its columns are of.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What stands behind `FROM`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its version, by which a read knows that the columns have changed under it.
    pub fn version(&self) -> &TableVersion {
        &self.version
    }

    /// The property that a field is; `None` for what the system or an aggregation makes.
    pub fn property(&self, field: &Field) -> Option<&Property> {
        match field {
            Field::Property { index, .. } => self.schema.properties().get(*index),
            Field::System(_) | Field::Computed { .. } => None,
        }
    }
}
