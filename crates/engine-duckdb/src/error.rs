//! What the engine's errors mean to a caller.

use eider_application::ports::{StoreError, StoreErrorKind};

/// The budget of failures of an engine that has stopped: nothing works until the file is opened again.
pub(crate) const ENGINE_STOPPED: &str = "engine";

/// What a statement fails with whose sums are not sure, and are to be made exactly.
pub(crate) const UNSURE: &str = "$unsure: a sum has lost digits";

/// Maps an engine error. The engine's own text goes along as the source, for the log alone.
pub fn store_error(error: duckdb::Error) -> StoreError {
    let text = error.to_string();
    let contains = |part: &str| text.contains(part);
    // Such a text may have any other text inside.
    if contains("FATAL Error") {
        let message = "the engine stopped after a fatal error, and works again once the store is opened again";
        return StoreError::unavailable(ENGINE_STOPPED, message).with_source(error);
    }
    let (kind, message) = if contains("INTERRUPT Error") || contains("Interrupted!") {
        (StoreErrorKind::Cancelled, "the query was cancelled")
    } else if contains("No space left on device") || contains("max_temp_directory_size") {
        (StoreErrorKind::StorageFull, "the disk is full")
    } else if contains("Out of Memory Error")
        || contains("could not allocate block")
        || contains("failed to allocate data")
    {
        return StoreError::unavailable("engine_memory", "the engine's memory limit is reached").with_source(error);
    } else if contains("TransactionContext Error") || contains("Conflict on") || contains("write-write conflict") {
        (StoreErrorKind::Conflict, "another transaction was first")
    } else if contains("Constraint Error") {
        (StoreErrorKind::Conflict, "a constraint of the table does not hold")
    } else if contains(UNSURE) || contains("Out of Range Error") || contains("out of range for the destination type") {
        (StoreErrorKind::OutOfRange, "a figure does not fit its type")
    } else if contains("Catalog Error: Table with name") && contains("does not exist") {
        return schema_removed().with_source(error);
    } else if contains("Corrupt")
        || contains("checksum")
        || contains("not a valid DuckDB database")
        || contains("Serialization Error")
        || contains("Could not read enough bytes")
    {
        (StoreErrorKind::Corrupt, "the file is damaged")
    } else {
        (StoreErrorKind::Internal, "the engine failed")
    };
    StoreError::new(kind, message).with_source(error)
}

/// A failure of the code around the engine.
pub fn internal(message: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, message)
}

/// Arrow refused columns that belong together.
pub fn arrow_error(error: arrow_schema::ArrowError) -> StoreError {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => StoreError::of_disk(error),
        error => StoreError::new(StoreErrorKind::Internal, "columns do not fit together").with_source(error),
    }
}

/// The engine has no transaction, table or schema of the name any more.
pub fn schema_removed() -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, "the schema was removed")
}

/// The schema is of another version by now.
pub fn schema_changed() -> StoreError {
    StoreError::new(StoreErrorKind::SchemaChanged, "the schema changed meanwhile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_went_with_its_schema_is_not_found() {
        let code = duckdb::ffi::Error::new(1);
        let text = "Catalog Error: Table with name flights does not exist!\nDid you mean \"sqlite_schema\"?";
        assert_eq!(
            store_error(duckdb::Error::DuckDBFailure(code, Some(text.to_owned()))).kind(),
            StoreErrorKind::NotFound
        );
    }

    #[test]
    fn an_engine_that_has_stopped_is_told_from_damage() {
        for text in [
            "FATAL Error: Failed: database has been invalidated because of a previous fatal error. Original error: \
             \"INTERNAL Error: Corrupt index\"",
            "TransactionContext Error: Failed to commit: FATAL Error: Conflict on index",
        ] {
            let error = duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.to_owned()));
            assert_eq!(store_error(error).budget(), Some(ENGINE_STOPPED), "{text}");
        }
    }

    #[test]
    fn a_commit_that_finds_no_memory_is_told_from_one_that_came_second() {
        let failed = |text: &str| {
            let code = duckdb::ffi::Error::new(1);
            store_error(duckdb::Error::DuckDBFailure(code, Some(text.to_owned())))
        };
        for what in ["could not allocate block", "failed to allocate data"] {
            let out_of_memory = failed(&format!(
                "TransactionContext Error: Failed to commit: {what} of size 256.0 KiB (127.7 MiB/128.0 MiB used)"
            ));
            assert_eq!(out_of_memory.kind(), StoreErrorKind::Unavailable);
            assert_eq!(out_of_memory.budget(), Some("engine_memory"));
        }
        let second = failed("TransactionContext Error: Failed to commit: write-write conflict on key: \"7\"");
        assert_eq!(second.kind(), StoreErrorKind::Conflict);
    }
}
