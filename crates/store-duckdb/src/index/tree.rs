//! The ordered map on the disk that holds the entries of all indexes: an LSM tree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::Duration;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::key::KeyRange;
use crate::file::disk;

/// Entries from which on a sorted run is written as files of its own instead of through the journal.
const LEAST_RUN: usize = 20_000;
/// Memory of new entries, and the size of the runs that they are written in.
const MEMTABLE_BYTES: u64 = 8 << 20;
const JOURNAL_BYTES: u64 = 64 << 20;
const OPEN_FILES: usize = 64;
/// Memory for what is read to look at it.
const LOOKING_CACHE_BYTES: u64 = 8 << 20;
/// How long to wait for the tree while the store that had it before goes.
const OPEN_TRIES: u32 = 20;
const OPEN_PAUSE: Duration = Duration::from_millis(50);

/// The tree, or none where it cannot be used: then everything is read without it.
pub(crate) struct Tree {
    opened: RwLock<Option<Opened>>,
    directory: PathBuf,
    is_broken: AtomicBool,
    notes: Mutex<()>,
}

/// The tree cannot be read: there is none, or it has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unusable;

struct Opened {
    database: Database,
    entries: Keyspace,
}

impl Tree {
    /// Opens the tree in a directory, or makes it. One that cannot be read, or that failed the last time, is made anew.
    pub(crate) fn open(directory: &Path, cache_bytes: u64) -> Self {
        if is_there(&broken_mark(directory)) {
            remove(directory);
        }
        let opened = match open(directory, cache_bytes) {
            Ok(opened) => Some(opened),
            Err(fjall::Error::Locked) => {
                tracing::warn!(directory = %directory.display(), "another process has the indexes; reading without them");
                None
            }
            Err(error) => {
                tracing::warn!(directory = %directory.display(), %error, "the indexes cannot be read; making them anew");
                remove(directory);
                open(directory, cache_bytes)
                    .inspect_err(|error| tracing::error!(%error, "no indexes can be made; reading without them"))
                    .ok()
            }
        };
        Self::of(opened, directory)
    }

    fn of(opened: Option<Opened>, directory: &Path) -> Self {
        let (opened, is_broken) = (RwLock::new(opened), AtomicBool::new(false));
        Self { opened, directory: directory.to_owned(), is_broken, notes: Mutex::default() }
    }

    /// Opens the tree in a directory to look at it, if there is one.
    pub(crate) fn existing(directory: &Path) -> Option<Self> {
        if !is_there(directory) || is_there(&broken_mark(directory)) {
            return None;
        }
        Some(Self::of(open(directory, LOOKING_CACHE_BYTES).ok(), directory))
    }

    /// Whether it can be asked, and knows what it was told.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_broken.load(Ordering::Acquire) && self.opened().is_some()
    }

    /// Ends its use. It cannot be asked any more.
    pub(crate) fn close(&self) {
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The value of a key, if it has one.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<fjall::UserValue>, Unusable> {
        self.with(|opened| opened.entries.get(key)).ok_or(Unusable)
    }

    /// Shows the keys and values of a range, in their order, until `visit` says `false`. `None` when they cannot all be
    /// read.
    pub(crate) fn visit(&self, range: &KeyRange, mut visit: impl FnMut(&[u8], &[u8]) -> bool) -> Option<()> {
        if range.is_empty() {
            return self.is_usable().then_some(());
        }
        self.with(|opened| {
            for entry in opened.entries.range(range.from.as_slice()..range.to.as_slice()) {
                let (key, value) = entry.into_inner()?;
                if !visit(&key, &value) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The last key of a range, if it has any.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn last(&self, range: &KeyRange) -> Result<Option<Vec<u8>>, Unusable> {
        if range.is_empty() {
            return if self.is_usable() { Ok(None) } else { Err(Unusable) };
        }
        self.with(|opened| {
            let last = opened.entries.range(range.from.as_slice()..range.to.as_slice()).next_back();
            last.map(|entry| entry.key().map(|key| key.to_vec())).transpose()
        })
        .ok_or(Unusable)
    }

    /// Adds entries with different keys in their order, and then, with them or after them, those of `marks`.
    /// `None` when that failed, of which some may have been added.
    pub(crate) fn add<'e>(
        &self,
        entries: impl ExactSizeIterator<Item = (&'e [u8], &'e [u8])>,
        marks: &[(Vec<u8>, Vec<u8>)],
    ) -> Option<()> {
        self.with(|opened| {
            let mut batch = opened.database.batch();
            if entries.len() < LEAST_RUN {
                entries.for_each(|(key, value)| batch.insert(&opened.entries, key, value));
            } else {
                let mut run = opened.entries.start_ingestion()?;
                for (key, value) in entries {
                    run.write(key, value)?;
                }
                run.finish()?;
            }
            for (key, value) in marks {
                batch.insert(&opened.entries, &key[..], &value[..]);
            }
            batch.commit()
        })
    }

    /// Removes entries.
    pub(crate) fn remove(&self, keys: &[Vec<u8>]) {
        self.with(|opened| {
            let mut batch = opened.database.batch();
            for key in keys {
                batch.remove(&opened.entries, &key[..]);
            }
            batch.commit()
        });
    }

    /// Brings what was added to the disk.
    pub(crate) fn sync(&self) {
        self.with(|opened| opened.database.persist(PersistMode::SyncAll));
    }

    /// Lets one at a time change what is noted of schemas.
    pub(crate) fn lock_notes(&self) -> MutexGuard<'_, ()> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&Opened) -> fjall::Result<T>) -> Option<T> {
        if self.is_broken.load(Ordering::Acquire) {
            return None;
        }
        work(self.opened().as_ref()?).inspect_err(|error| self.give_up(error)).ok()
    }

    fn opened(&self) -> RwLockReadGuard<'_, Option<Opened>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on without the tree.
    fn give_up(&self, error: &fjall::Error) {
        if !self.is_broken.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "the indexes failed; reading without them until the next start, which makes them anew");
            self.spoil(&error.to_string());
        }
    }

    /// Has the next start make the tree anew.
    pub(crate) fn spoil(&self, reason: &str) {
        if let Err(error) = fs::write(broken_mark(&self.directory), reason) {
            // A disk without room keeps no mark. What is there is right as far as its own marks go.
            tracing::debug!(%error, "the failed indexes could not be marked");
        }
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("directory", &self.directory).finish_non_exhaustive()
    }
}

fn open(directory: &Path, cache_bytes: u64) -> fjall::Result<Opened> {
    let mut tries = 1;
    let database = loop {
        let builder = Database::builder(directory).cache_size(cache_bytes).worker_threads(1);
        match builder.max_journaling_size(JOURNAL_BYTES).max_cached_files(Some(OPEN_FILES)).open() {
            Err(fjall::Error::Locked) if tries < OPEN_TRIES => tries += 1,
            opened => break opened?,
        }
        thread::sleep(OPEN_PAUSE);
    };
    let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
    let entries = database.keyspace("entries", options)?;
    Ok(Opened { database, entries })
}

/// Whether there is something at a path; what cannot be looked at is there.
fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

fn broken_mark(directory: &Path) -> PathBuf {
    disk::beside(directory, ".broken")
}

fn remove(directory: &Path) {
    for removed in [fs::remove_dir_all(directory), fs::remove_file(broken_mark(directory))] {
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(directory = %directory.display(), %error, "the failed indexes could not be removed");
        }
    }
}
