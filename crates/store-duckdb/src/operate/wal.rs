//! The write-ahead log, looked at before the engine replays it.
//!
//! The engine takes whatever it cannot read at the end of the log for a commit that was cut off, and cuts it away without a
//! word: also when a damaged length hides whole commits behind it. Here the log is read first. What has whole commits
//! behind the damage is refused; a log that ends within a commit is copied before the engine cuts it.
//!
//! The log begins with a header, and goes on with entries: the bytes of the entry, its checksum (64 bits each, little
//! endian), the entry. A commit ends with an entry of its own (`storage/write_ahead_log.cpp` and `wal_replay.cpp` of the
//! engine).

mod kept;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use eider_application::ports::{StoreError, StoreErrorKind};

pub(crate) use self::kept::copies;
use crate::file::disk::log_path;
use crate::file::instance::FileHold;
use crate::file::names;
use crate::file::settings::StoreSettings;

/// The version of logs that are written and read.
const VERSION: u64 = 2;
/// Bytes of an identifier of a file.
const IDENTIFIER_BYTES: u64 = 16;
/// Bytes within which a header ends.
const HEADER_BYTES: u64 = 128;
/// Length and checksum in front of an entry.
const FRAME_BYTES: u64 = 16;
/// Bytes of an entry within which its kind and the name of its table stand.
const NAMED_BYTES: usize = 512;
/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 20;

/// How every entry begins: the number of its first field.
const ENTRY_BEGINS: [u8; 2] = [100, 0];
/// The kinds of entries that are told apart.
const USE_TABLE: u8 = 25;
const CHECKPOINT: u8 = 99;
const COMMIT: u8 = 100;
/// The whole of an entry that ends a commit.
const COMMIT_ENTRY: [u8; 5] = [ENTRY_BEGINS[0], ENTRY_BEGINS[1], COMMIT, 0xFF, 0xFF];

/// What is said of a log without a byte.
pub(crate) const EMPTY: &str =
    "the log is empty: a server that was killed as it began it leaves that; what an emptied one held is gone";

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// Commits that are whole, up to the first that is not.
    pub(crate) commits: u64,
    /// Bytes up to the end of the last of them.
    pub(crate) whole_bytes: u64,
    pub(crate) end: End,
}

/// What is behind the commits that are whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing, or the mark of a checkpoint that was begun.
    Whole,
    /// A part of a commit, to these tables as far as it says.
    Torn { tables: BTreeSet<String> },
    /// Something that no commit which was cut off leaves.
    Damaged { at: u64, what: &'static str, commits_behind: u64 },
}

/// What the engine cuts off a log when it opens the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutLog {
    /// Bytes behind the last whole commit.
    pub bytes: u64,
    /// Whole commits, which are replayed.
    pub commits: u64,
    /// The schemas that the commit is to, as far as the bytes say.
    pub schemas: BTreeSet<String>,
    /// The log as it was, or what is cut off of it where the disk has no room for more; `None` when nothing was kept since
    /// the file was only read.
    pub copy: Option<PathBuf>,
}

impl CutLog {
    /// What happened, in a sentence for a person.
    pub fn told(&self) -> String {
        let Self { bytes, commits, schemas, .. } = self;
        let names: Vec<String> = schemas.iter().map(|schema| format!("`{schema}`")).collect();
        let of = if names.is_empty() { String::new() } else { format!(" to {}", names.join(", ")) };
        format!("the log ends within a commit{of}: {bytes} bytes behind {commits} whole commits are cut off")
    }
}

/// Looks at the log before the engine replays and cuts it, and keeps a copy of one that it will cut.
///
/// # Errors
/// `Corrupt` for a log with more than the end of a commit missing. `Unavailable` when another process has the file. Those of
/// the disk, when there is no room for a copy.
pub(crate) fn prepare(settings: &StoreSettings) -> Result<Option<CutLog>, StoreError> {
    let path = log_path(settings);
    if is_empty(&path).map_err(StoreError::of_disk)? {
        tracing::warn!("{EMPTY}");
        return Ok(None);
    }
    let is_well = |log: &Option<Log>| log.as_ref().is_none_or(|log| log.end == End::Whole);
    if is_well(&read(&path).map_err(StoreError::of_disk)?) {
        return Ok(None);
    }
    // Another process may be writing to it.
    let _hold = FileHold::take(&settings.path)?;
    let Some(log) = read(&path).map_err(StoreError::of_disk)? else { return Ok(None) };
    let Some(mut cut) = examined(&path, &log)? else { return Ok(None) };
    cut.copy = Some(kept::keep(&path, log.whole_bytes).map_err(StoreError::of_disk)?);
    Ok(Some(cut))
}

/// Whether there is a log without a byte: the engine removes one that it needs no more.
///
/// # Errors
/// Those of the disk.
pub(crate) fn is_empty(path: &Path) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        metadata => Ok(metadata?.len() == 0),
    }
}

/// What the engine passes over when it replays the log in memory.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn look(settings: &StoreSettings) -> Result<Option<CutLog>, StoreError> {
    let path = log_path(settings);
    match read(&path).map_err(StoreError::of_disk)? {
        Some(log) => examined(&path, &log),
        None => Ok(None),
    }
}

fn examined(path: &Path, log: &Log) -> Result<Option<CutLog>, StoreError> {
    let Log { bytes, commits, whole_bytes, end } = log;
    match end {
        End::Whole => Ok(None),
        End::Torn { tables } => {
            let schemas = tables.clone();
            Ok(Some(CutLog { bytes: bytes - whole_bytes, commits: *commits, schemas, copy: None }))
        }
        End::Damaged { at, what, commits_behind } => {
            let path = path.display();
            let message = format!(
                "{path} is damaged at byte {at} of {bytes}: {what}. {commits} commits before that are whole, and \
                 {commits_behind} behind it cannot be reached; it was left as it is: restore a copy, or keep one of it and \
                 go on with what is before the damage: truncate -s {whole_bytes} {path}"
            );
            Err(StoreError::new(StoreErrorKind::Corrupt, message))
        }
    }
}

/// Reads a log in bounded memory; `None` when there is none, or an empty one.
///
/// # Errors
/// Those of the disk.
pub(crate) fn read(path: &Path) -> io::Result<Option<Log>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Ok(None);
    }
    let mut walk = Walk { file: BufReader::with_capacity(PIECE_BYTES, file), at: 0, bytes };
    let mut log = Log { bytes, commits: 0, whole_bytes: 0, end: End::Whole };
    log.end = match walk.header()? {
        Header::Whole => walk.entries(&mut log)?,
        Header::Cut => End::Torn { tables: BTreeSet::new() },
        Header::Damaged => {
            let commits_behind = walk.commits_behind(0)?;
            End::Damaged { at: 0, what: "it does not begin as a log does", commits_behind }
        }
    };
    Ok(Some(log))
}

enum Header {
    Whole,
    /// The file ends within it.
    Cut,
    Damaged,
}

/// An entry whose checksum is right.
enum Entry {
    Commit,
    Checkpoint,
    Other { table: Option<String> },
}

/// Reads a log from its beginning to its end.
struct Walk {
    file: BufReader<File>,
    at: u64,
    bytes: u64,
}

impl Walk {
    fn header(&mut self) -> io::Result<Header> {
        let mut head = Vec::new();
        Read::by_ref(&mut self.file).take(HEADER_BYTES).read_to_end(&mut head)?;
        let mut fields = Fields { bytes: &head };
        let found = fields.header();
        self.at = (head.len() - fields.bytes.len()) as u64;
        self.file.seek(SeekFrom::Start(self.at))?;
        Ok(found)
    }

    fn entries(&mut self, log: &mut Log) -> io::Result<End> {
        let mut tables = BTreeSet::new();
        // Behind the last commit: whether there is an entry, and whether that is the mark of a checkpoint.
        let (mut entries, mut is_marked) = (0_u64, false);
        loop {
            let begun = self.at;
            let left = self.bytes - begun;
            if left == 0 {
                let is_whole = entries == 0 || entries == 1 && is_marked;
                return Ok(if is_whole { End::Whole } else { End::Torn { tables } });
            }
            let frame = if left < FRAME_BYTES { None } else { Some((self.number()?, self.number()?)) };
            let Some((size, checksum)) = frame.filter(|(size, _)| *size > 0 && *size <= left - FRAME_BYTES) else {
                let commits_behind = self.commits_behind(begun)?;
                let what = "an entry has a length that the file has not";
                return Ok(match commits_behind {
                    0 => End::Torn { tables },
                    _ => End::Damaged { at: begun, what, commits_behind },
                });
            };
            let Some(entry) = self.entry(size, checksum)? else {
                let commits_behind = self.commits_behind(begun)?;
                let what = "an entry does not have its checksum";
                return Ok(End::Damaged { at: begun, what, commits_behind });
            };
            entries += 1;
            match entry {
                Entry::Commit => {
                    log.commits += 1;
                    log.whole_bytes = self.at;
                    (entries, is_marked) = (0, false);
                    tables.clear();
                }
                Entry::Checkpoint => is_marked = true,
                Entry::Other { table } => tables.extend(table),
            }
        }
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = [0; 8];
        self.file.read_exact(&mut number)?;
        self.at += 8;
        Ok(u64::from_le_bytes(number))
    }

    /// The next entry, or `None` when its checksum is another.
    fn entry(&mut self, size: u64, checksum: u64) -> io::Result<Option<Entry>> {
        let mut head = Vec::new();
        let mut sum = Checksum::new();
        let mut left = size;
        let mut piece = vec![0; PIECE_BYTES.min(usize::try_from(size).unwrap_or(PIECE_BYTES))];
        while left > 0 {
            // Whole words but for the last piece.
            let length = piece.len().min(usize::try_from(left).unwrap_or(PIECE_BYTES));
            let piece = &mut piece[..length];
            self.file.read_exact(piece)?;
            if head.is_empty() {
                head.extend_from_slice(&piece[..length.min(NAMED_BYTES)]);
            }
            sum.add(piece);
            left -= length as u64;
        }
        self.at += size;
        if sum.sum != checksum {
            return Ok(None);
        }
        let kind = head.strip_prefix(&ENTRY_BEGINS).and_then(<[u8]>::first);
        Ok(Some(match kind {
            Some(&COMMIT) => Entry::Commit,
            Some(&CHECKPOINT) => Entry::Checkpoint,
            Some(&USE_TABLE) => Entry::Other { table: table_of(&head) },
            _ => Entry::Other { table: None },
        }))
    }

    /// How many commits end behind a place, however damaged what is in between: their last entries are always the same
    /// bytes, which no text has inside.
    fn commits_behind(&mut self, at: u64) -> io::Result<u64> {
        let mut sum = Checksum::new();
        sum.add(&COMMIT_ENTRY);
        let wanted = [&sum.sum.to_le_bytes()[..], &COMMIT_ENTRY].concat();
        self.file.seek(SeekFrom::Start(at))?;
        let (mut commits, mut held) = (0, Vec::new());
        loop {
            let read = Read::by_ref(&mut self.file).take(PIECE_BYTES as u64).read_to_end(&mut held)?;
            if read == 0 {
                return Ok(commits);
            }
            commits += held.windows(wanted.len()).filter(|window| *window == wanted).count() as u64;
            held.drain(..held.len().saturating_sub(wanted.len() - 1));
        }
    }
}

/// The schema whose table an entry names; `None` for a table of the catalog.
fn table_of(entry: &[u8]) -> Option<String> {
    let records = names::RECORDS.as_bytes();
    let at = entry.windows(records.len()).position(|window| window == records)?;
    let mut fields = Fields { bytes: &entry[at + records.len()..] };
    // Files of an earlier layout number the name.
    fields.bytes = fields.bytes.strip_prefix(&[102, 0]).unwrap_or(fields.bytes);
    let length = usize::try_from(fields.varint().ok()?).ok()?;
    Some(String::from_utf8_lossy(fields.bytes.get(..length)?).into_owned())
}

/// Fields as the engine writes them.
struct Fields<'b> {
    bytes: &'b [u8],
}

impl Fields<'_> {
    fn header(&mut self) -> Header {
        match self.header_fields() {
            Ok(()) => Header::Whole,
            Err(header) => header,
        }
    }

    fn header_fields(&mut self) -> Result<(), Header> {
        self.expect(&[100, 0, 98, 101, 0])?;
        if self.varint()? != VERSION {
            return Err(Header::Damaged);
        }
        self.expect(&[102, 0])?;
        if self.varint()? != IDENTIFIER_BYTES {
            return Err(Header::Damaged);
        }
        for _ in 0..IDENTIFIER_BYTES {
            self.varint()?;
        }
        self.expect(&[103, 0])?;
        self.varint()?;
        self.expect(&[0xFF, 0xFF])
    }

    fn expect(&mut self, expected: &[u8]) -> Result<(), Header> {
        match self.bytes.strip_prefix(expected) {
            Some(rest) => {
                self.bytes = rest;
                Ok(())
            }
            None if expected.starts_with(self.bytes) => Err(Header::Cut),
            None => Err(Header::Damaged),
        }
    }

    /// A number in groups of seven bits, the least first.
    fn varint(&mut self) -> Result<u64, Header> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.bytes.split_first().ok_or(Header::Cut)?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Header::Damaged)
    }
}

/// The engine's checksum (`common/checksum.cpp`), over pieces of whole words but for the last.
struct Checksum {
    sum: u64,
}

impl Checksum {
    fn new() -> Self {
        Self { sum: 5381 }
    }

    fn add(&mut self, piece: &[u8]) {
        let (words, rest) = piece.as_chunks::<8>();
        for word in words {
            self.sum ^= u64::from_le_bytes(*word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        if !rest.is_empty() {
            self.sum ^= Self::of_rest(rest);
        }
    }

    /// Of fewer than eight bytes (`MurmurHash64A`).
    fn of_rest(rest: &[u8]) -> u64 {
        const M: u64 = 0xc6a4_a793_5bd1_e995;
        let mut hash = 0xe17a_1465 ^ (rest.len() as u64).wrapping_mul(M);
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u64::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
        hash ^= hash >> 47;
        hash = hash.wrapping_mul(M);
        hash ^ (hash >> 47)
    }
}
