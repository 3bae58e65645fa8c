//! Keys in a file, which commands change and a running server follows.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use eider_domain::{Grant, SchemaPattern, Timestamp, temporal};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::access::{ApiKey, KeyRing};
use crate::ports::KeyId;
use crate::ports::key_id::{bytes_of, hexadecimal};
use crate::runtime::blocking;

/// The file, in the directory of the data.
const FILE: &str = "keys.json";
/// The version of the file's form.
const FORMAT: u32 = 1;
/// How often a server looks whether the file has changed.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Why the file of the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The disk or its permissions.
    #[error("cannot use the keys in {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not one that this version writes.
    #[error("the keys in {} cannot be read: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// Tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl FileStamp {
    /// The stamp of a file. Blocks.
    ///
    /// # Errors
    /// When it is not there or cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Self { inode: metadata.ino(), size: metadata.len(), modified })
    }
}

/// `keys.json` in the directory of the data: digests of keys, which only its owner can read.
#[derive(Debug, Clone)]
pub struct KeyFile {
    directory: PathBuf,
}

impl KeyFile {
    /// The file in a directory. Neither needs to be there.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    fn io(&self, source: io::Error) -> KeyFileError {
        KeyFileError::Io { path: self.path(), source }
    }

    /// Every key, also those that hold no longer; `None` if there is no file. Blocks.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn read(&self) -> Result<Option<Vec<ApiKey>>, KeyFileError> {
        let content = match fs::read(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            content => content.map_err(|error| self.io(error))?,
        };
        let damaged = |detail| KeyFileError::Damaged { path: self.path(), detail };
        let document: Document = serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
        if document.format != FORMAT {
            return Err(damaged(format!("its format is {}, this version reads {FORMAT}", document.format)));
        }
        let keys = document
            .keys
            .iter()
            .enumerate()
            .map(|(place, entry)| entry.key().ok_or_else(|| damaged(format!("entry {} is not a key", place + 1))));
        keys.collect::<Result<_, _>>().map(Some)
    }

    /// Changes the keys, and nobody else does meanwhile. The file is the old one or the new one at any time, whatever
    /// happens. Makes the directory and the file when there are none. A change that comes to nothing, `None`, leaves
    /// everything as it is. Blocks.
    ///
    /// # Errors
    /// [`KeyFileError`]; nothing has changed then.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<ApiKey>) -> Option<T>) -> Result<Option<T>, KeyFileError> {
        fs::create_dir_all(&self.directory).map_err(|error| self.io(error))?;
        // The file is replaced and cannot be locked itself.
        let directory = File::open(&self.directory).map_err(|error| self.io(error))?;
        directory.lock().map_err(|error| self.io(error))?;
        let mut keys = self.read()?.unwrap_or_default();
        let outcome = change(&mut keys);
        if outcome.is_some() {
            self.write(&keys).map_err(|error| self.io(error))?;
        }
        Ok(outcome)
    }

    fn write(&self, keys: &[ApiKey]) -> io::Result<()> {
        let document = Document { format: FORMAT, keys: keys.iter().map(Entry::of).collect() };
        // Temporary files can be read by their owner alone.
        let mut file = NamedTempFile::new_in(&self.directory)?;
        serde_json::to_writer_pretty(&mut file, &document)?;
        file.write_all(b"\n")?;
        // A key that root makes must be readable for the server to which the directory belongs.
        let (directory, own) = (fs::metadata(&self.directory)?, file.as_file().metadata()?);
        if own.uid() != directory.uid() {
            // By its handle: another file may have taken its name.
            fchown(file.as_file(), Some(directory.uid()), Some(directory.gid()))?;
        }
        file.as_file().sync_all()?;
        file.persist(self.path())?;
        File::open(&self.directory)?.sync_all()
    }

    /// Puts the keys of the file into a ring whenever it changes; never ends. `seen` is the stamp of what is in the
    /// ring.
    ///
    /// A file that is damaged or gone changes nothing and is logged.
    pub async fn follow(self, ring: KeyRing, mut seen: Option<FileStamp>) {
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        let mut refused = seen;
        loop {
            ticks.tick().await;
            let file = self.clone();
            let Ok((stamp, keys)) = blocking::run(move || file.read_unless(seen)).await else { return };
            if stamp == seen {
                continue;
            }
            match keys {
                Ok(Some(keys)) => {
                    tracing::info!(keys.count = keys.len(), "the keys have changed");
                    ring.replace(keys);
                    seen = stamp;
                }
                // Said once and tried again each time: it may be for want of a file descriptor.
                _ if stamp == refused => {}
                Ok(None) => tracing::error!("the file of the keys is gone; those that it had still hold"),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(error.message = %error, error.cause = cause, "the keys that were there before still hold");
                }
            }
            refused = stamp;
        }
    }

    /// The stamp of the file, and what it has if that is not `seen`.
    fn read_unless(&self, seen: Option<FileStamp>) -> (Option<FileStamp>, Result<Option<Vec<ApiKey>>, KeyFileError>) {
        let stamp = self.stamp();
        let keys = if stamp == seen { Ok(None) } else { self.read() };
        (stamp, keys)
    }

    /// The stamp of the file, if it is there. Blocks.
    pub fn stamp(&self) -> Option<FileStamp> {
        FileStamp::of(&self.path()).ok()
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    keys: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    secret_sha256: String,
    verbs: Vec<String>,
    schemas: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
}

impl Entry {
    fn of(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            secret_sha256: hexadecimal(&key.digest),
            verbs: key.grant.verbs().map(|verb| verb.to_string()).collect(),
            schemas: key.grant.schemas().iter().map(ToString::to_string).collect(),
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        }
    }

    fn key(&self) -> Option<ApiKey> {
        let verbs = Grant::parse_verbs(self.verbs.iter().map(String::as_str)).ok()?;
        let schemas = self.schemas.iter().map(|text| SchemaPattern::parse(text).ok()).collect::<Option<_>>()?;
        Some(ApiKey {
            id: KeyId::parse(&self.id)?,
            name: self.name.clone(),
            grant: Grant::new(verbs, schemas),
            created_at: instant(&self.created_at)?,
            expires_at: self.expires_at.as_deref().map_or(Some(None), |text| instant(text).map(Some))?,
            revoked_at: self.revoked_at.as_deref().map_or(Some(None), |text| instant(text).map(Some))?,
            digest: bytes_of(&self.secret_sha256)?,
        })
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    temporal::parse_datetime(text).map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;

    fn key(seed: u8) -> ApiKey {
        let grant = Grant::new([eider_domain::Verb::RecordsRead], vec![SchemaPattern::parse("sales_*").unwrap()]);
        let (now, entropy) = (Timestamp::from_micros(1_769_847_300_000_001), [seed; ApiKey::ENTROPY_BYTES]);
        ApiKey::issue(format!("key {seed}"), grant, &entropy, now, Some(now)).0
    }

    fn add(file: &KeyFile, added: ApiKey) {
        let add = |keys: &mut Vec<ApiKey>| {
            keys.push(added);
            Some(())
        };
        file.change(add).unwrap().unwrap();
    }

    #[test]
    fn keys_are_read_back_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile::new(directory.path().join("data"));
        assert_eq!(file.read().unwrap(), None);
        let mut revoked = key(1);
        revoked.revoked_at = Some(revoked.created_at);
        let keys = vec![revoked, key(2)];
        file.change(|_| None::<()>).unwrap();
        assert_eq!(file.read().unwrap(), None, "no change makes no file");
        for key in &keys {
            add(&file, key.clone());
        }
        assert_eq!(file.read().unwrap(), Some(keys));
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else can read it");
    }

    #[test]
    fn changes_at_the_same_time_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile::new(directory.path().to_owned());
        thread::scope(|scope| {
            for writer in 0..4 {
                let file = &file;
                scope.spawn(move || {
                    for n in 0..8 {
                        add(file, key(8 * writer + n));
                    }
                });
            }
        });
        let mut ids: Vec<_> = file.read().unwrap().unwrap().into_iter().map(|key| key.id.to_string()).collect();
        ids.sort();
        assert_eq!(ids, (0..32).map(|seed| key(seed).id.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_file_is_refused_and_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile::new(directory.path().to_owned());
        add(&file, key(1));
        let good = fs::read_to_string(file.path()).unwrap();
        for damaged in [
            "",
            &good[..good.len() / 2],
            &good.replace("\"format\": 1", "\"format\": 2"),
            &good.replace("records:read", "records:fly"),
            &good.replace("0101", "01g1"),
            &good.replace("\"name\"", "\"nome\""),
        ] {
            assert_ne!(damaged, good);
            fs::write(file.path(), damaged).unwrap();
            assert!(matches!(file.change(|_| Some(())), Err(KeyFileError::Damaged { .. })), "{damaged}");
            assert_eq!(fs::read_to_string(file.path()).unwrap(), damaged);
        }
    }
}
