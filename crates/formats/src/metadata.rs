//! The schema of the records, carried in the metadata of Arrow and Parquet.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{Metadata, Schema as ArrowSchema, SchemaRef};
use eider_domain::{Schema, SchemaDefinition, parse_json};

/// The key under which the definition stands, as its JSON.
pub const SCHEMA_KEY: &str = "eider.schema";

/// Most bytes of a definition that is read.
const MAX_DEFINITION_BYTES: usize = 4 << 20;

/// The columns of records with the definition of their schema beside them. Without a column for each property it would
/// promise what is not there, and is left out.
pub fn with_schema(columns: &SchemaRef, schema: &Schema) -> SchemaRef {
    let names: HashSet<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    if !schema.properties().iter().all(|property| names.contains(property.name.as_str())) {
        return SchemaRef::clone(columns);
    }
    let mut metadata = columns.metadata().clone();
    metadata.insert(SCHEMA_KEY.to_owned(), schema.definition().to_json().to_string());
    Arc::new(ArrowSchema::new_with_metadata(columns.fields().clone(), metadata))
}

/// The definition that metadata carries; `None` without one. The text may be anyone's.
///
/// # Errors
/// Why it is none, for a person.
pub(crate) fn schema_in(metadata: &Metadata) -> Option<Result<SchemaDefinition, String>> {
    let text = metadata.get(SCHEMA_KEY)?;
    if text.len() > MAX_DEFINITION_BYTES {
        return Some(Err(format!("it has more than {MAX_DEFINITION_BYTES} bytes")));
    }
    let Ok(document) = parse_json(text) else { return Some(Err("it is not JSON".to_owned())) };
    Some(SchemaDefinition::parse(&document).map_err(|violations| {
        let first = violations.into_iter().next();
        first.map_or_else(|| "it is not valid".to_owned(), |first| format!("at `{}`: {}", first.pointer, first.detail))
    }))
}
