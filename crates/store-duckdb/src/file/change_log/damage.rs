//! The write-ahead log of SQLite, looked at before SQLite replays it.
//!
//! SQLite takes whatever it cannot read in its log for a commit that was cut off, and forgets what is behind it without a
//! word: also when one changed byte hides whole commits. Here the log is read first. One that has commits behind the
//! damage is refused; one that ends within its last commit is what a cut leaves, and opens with all before it.
//!
//! The log begins with a header of 32 bytes, and goes on with frames: a header of 24 bytes, then a page. Each header says
//! the salts of the log, and a checksum of everything up to and with its page (sqlite.org/fileformat2.html, "The
//! Write-Ahead Log").

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The magic number of logs whose checksums are made of little-endian words; those of the other order have the next.
const MAGIC: u32 = 0x377f_0682;
/// The pages that SQLite can have.
const PAGE_BYTES: std::ops::RangeInclusive<u32> = 512..=65_536;

/// What is behind the commits of a log that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing, frames of an earlier use of the file, or a part of one commit.
    OfALog,
    /// Something that cannot be read, and commits behind it.
    Damaged,
}

/// Looks through a log. A file that is not there has no damage.
///
/// # Errors
/// Those of the disk.
pub(super) fn look(path: &Path) -> io::Result<End> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(End::OfALog),
        file => file?,
    };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let Some(header) = read(&mut reader, HEADER_BYTES)? else { return Ok(End::OfALog) };
    let [magic, _version, page, _checkpoint, salt_1, salt_2, sum_1, sum_2] = words(&header);
    let is_header = magic & !1 == MAGIC && PAGE_BYTES.contains(&page) && page.is_power_of_two();
    let order = if magic & 1 == 0 { u32::from_le_bytes } else { u32::from_be_bytes };
    let mut sums = (0, 0);
    add(&mut sums, &header[..24], order);
    if !is_header || sums != (sum_1, sum_2) {
        // SQLite forgets all of it. Nothing is lost where there was no frame yet.
        return Ok(if read(&mut reader, FRAME_HEADER_BYTES)?.is_some() { End::Damaged } else { End::OfALog });
    }
    let (mut is_whole, mut commits_behind) = (true, 0);
    while let Some(frame) = read(&mut reader, FRAME_HEADER_BYTES + page as usize)? {
        let (head, page) = frame.split_at(FRAME_HEADER_BYTES);
        let [_number, size_after_commit, of_1, of_2, sum_1, sum_2] = words(head);
        let is_of_this_log = (of_1, of_2) == (salt_1, salt_2);
        if is_whole {
            add(&mut sums, &head[..8], order);
            add(&mut sums, page, order);
            is_whole = is_of_this_log && sums == (sum_1, sum_2);
        }
        if !is_whole && is_of_this_log && size_after_commit > 0 {
            commits_behind += 1;
        }
    }
    // The frames of one commit may reach the disk in any order, so one may be there whose others are not.
    Ok(if commits_behind > 1 { End::Damaged } else { End::OfALog })
}

/// The next bytes; `None` when there are fewer.
fn read(reader: &mut impl Read, bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; bytes];
    match reader.read_exact(&mut buffer) {
        Ok(()) => Ok(Some(buffer)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// The big-endian words that headers are made of.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = bytes.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word));
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

/// Goes on with a checksum over pairs of words.
fn add(sums: &mut (u32, u32), bytes: &[u8], order: fn([u8; 4]) -> u32) {
    let (words, _) = bytes.as_chunks();
    for pair in words.chunks_exact(2) {
        sums.0 = sums.0.wrapping_add(order(pair[0])).wrapping_add(sums.1);
        sums.1 = sums.1.wrapping_add(order(pair[1])).wrapping_add(sums.0);
    }
}
