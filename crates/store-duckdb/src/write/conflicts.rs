//! The conflicts of a write on their way out of its transaction: in memory up to a bound, beyond it in a temporary file.
//!
//! A write of ten million rows may have as many conflicts, and its caller reads them when the transaction has ended: the
//! caller may be as slow as a disk, and must not hold up the other writers.

use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use eider_application::ports::{ConflictingKey, Conflicts, KeyConflict, StoreError};
use eider_application::runtime::blocking;
use eider_domain::Field;
use eider_engine_duckdb::error::internal;
use futures::{StreamExt, stream};
use tempfile::SpooledTempFile;

/// Bytes of conflicts up to which they stay in memory.
const HELD_BYTES: usize = 1 << 20;
/// Conflicts that are read at once.
const BLOCK: usize = 1_024;
/// Bytes of a conflict: its row, the index of its key, and what it conflicts with.
const CONFLICT_BYTES: usize = 20;
/// Stands for a stored record; [`SEVERAL`] for several.
const STORED: i64 = -1;
const SEVERAL: i64 = -2;

/// Where the conflicts of a write are gathered.
pub(crate) struct ConflictSpool {
    keys: Arc<[Vec<Field>]>,
    file: BufWriter<SpooledTempFile>,
    count: u64,
    /// The first ones, of which there may be `wanted`.
    first: Vec<KeyConflict>,
    wanted: usize,
}

impl ConflictSpool {
    /// No conflicts yet. More than a few go to a file without a name in `directory`; the first `wanted` are also held.
    pub(crate) fn new(keys: &[Vec<Field>], directory: &Path, wanted: usize) -> Self {
        let file = BufWriter::new(tempfile::spooled_tempfile_in(HELD_BYTES, directory));
        Self { keys: keys.into(), file, count: 0, first: Vec::new(), wanted }
    }

    /// Takes the next conflict, by the index of its key.
    pub(crate) fn push(&mut self, row: u64, key: usize, with: ConflictingKey) -> Result<(), StoreError> {
        let fields = self.keys.get(key).ok_or_else(|| internal("a conflict names no key"))?;
        if self.first.len() < self.wanted {
            self.first.push(KeyConflict { row, fields: fields.clone(), with });
        }
        self.count += 1;
        let with = match with {
            ConflictingKey::Stored => STORED,
            ConflictingKey::SeveralRecords => SEVERAL,
            ConflictingKey::Row(first) => first.cast_signed(),
        };
        let key = u32::try_from(key).map_err(|_| internal("a schema has too many keys"))?;
        let mut entry = [0; CONFLICT_BYTES];
        entry[..8].copy_from_slice(&row.to_le_bytes());
        entry[8..12].copy_from_slice(&key.to_le_bytes());
        entry[12..].copy_from_slice(&with.to_le_bytes());
        self.file.write_all(&entry).map_err(StoreError::of_disk)
    }

    /// The first conflicts, as many as were wanted.
    pub(crate) fn first(&self) -> &[KeyConflict] {
        &self.first
    }

    /// All of them, to be read. What keeps them from being read is told then: the write has ended, whatever its
    /// conflicts were.
    pub(crate) fn into_conflicts(self) -> Conflicts {
        if self.count == 0 {
            return Conflicts::of(Vec::new());
        }
        match self.into_reader() {
            Ok(reader) => Conflicts::new(stream::try_unfold(reader, next_block).boxed()),
            Err(error) => Conflicts::new(stream::iter([Err(StoreError::of_disk(error))]).boxed()),
        }
    }

    fn into_reader(self) -> io::Result<Reader> {
        let Self { keys, file, count, .. } = self;
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Reader { keys, file: BufReader::new(file), left: count })
    }
}

struct Reader {
    keys: Arc<[Vec<Field>]>,
    file: BufReader<SpooledTempFile>,
    left: u64,
}

async fn next_block(mut reader: Reader) -> Result<Option<(Vec<KeyConflict>, Reader)>, StoreError> {
    if reader.left == 0 {
        return Ok(None);
    }
    blocking::run(move || reader.block().map(|block| Some((block, reader)))).await?
}

impl Reader {
    fn block(&mut self) -> Result<Vec<KeyConflict>, StoreError> {
        let count = usize::try_from(self.left).unwrap_or(BLOCK).min(BLOCK);
        self.left -= count as u64;
        (0..count).map(|_| self.conflict()).collect()
    }

    fn conflict(&mut self) -> Result<KeyConflict, StoreError> {
        let (mut row, mut key, mut with) = ([0; 8], [0; 4], [0; 8]);
        for part in [&mut row[..], &mut key, &mut with] {
            self.file.read_exact(part).map_err(StoreError::of_disk)?;
        }
        let fields = usize::try_from(u32::from_le_bytes(key)).ok().and_then(|key| self.keys.get(key));
        Ok(KeyConflict {
            row: u64::from_le_bytes(row),
            fields: fields.ok_or_else(|| internal("a conflict names no key"))?.clone(),
            with: match i64::from_le_bytes(with) {
                STORED => ConflictingKey::Stored,
                SEVERAL => ConflictingKey::SeveralRecords,
                first => ConflictingKey::Row(first.cast_unsigned()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use eider_domain::SystemField;

    use super::*;

    #[tokio::test]
    async fn conflicts_beyond_memory_come_back_in_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let keys = [vec![Field::System(SystemField::Id)], vec![Field::System(SystemField::Version)]];
        let mut spool = ConflictSpool::new(&keys, directory.path(), 2);
        let count = (HELD_BYTES / CONFLICT_BYTES) as u64 + 5_000;
        let with = |row: u64| match row % 3 {
            0 => ConflictingKey::Stored,
            1 => ConflictingKey::SeveralRecords,
            _ => ConflictingKey::Row(row / 2),
        };
        for row in 0..count {
            spool.push(row, usize::from(row % 2 == 1), with(row)).unwrap();
        }
        assert_eq!(spool.first().iter().map(|conflict| conflict.row).collect::<Vec<_>>(), [0, 1]);
        let (mut conflicts, mut row) = (spool.into_conflicts(), 0);
        while let Some(block) = conflicts.next().await.unwrap() {
            for conflict in block {
                assert_eq!((conflict.row, conflict.with), (row, with(row)));
                assert_eq!(conflict.fields, keys[usize::from(row % 2 == 1)]);
                row += 1;
            }
        }
        assert_eq!(row, count);
    }
}
