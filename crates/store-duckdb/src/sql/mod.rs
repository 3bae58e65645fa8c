//! Statements that make, change and delete what is in the table of a schema.

mod changes;
mod ddl;
mod evolution;
mod keys;
mod quality;

pub(crate) use changes::{delete, delete_ids, holders, versions};
pub(crate) use ddl::{create_table, drop_table};
pub(crate) use evolution::{alteration, duplicates};
pub(crate) use keys::sharing;
pub(crate) use quality::{replace_suggested, snapshot};

#[cfg(test)]
mod tests;
