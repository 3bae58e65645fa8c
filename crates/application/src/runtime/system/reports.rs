//! Reports of failures as files.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use eider_domain::Timestamp;
use futures::{StreamExt, stream};
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::ports::{ANSWER_LIFETIME, FailureReport, FailureReports, KeyId, StoreError, StoredReport};
use crate::runtime::blocking;

/// How the names of reports end; in front of it stand the id, the time in microseconds and the key, if there is one.
const SUFFIX: &str = ".failures.ndjson";
/// Bytes that are read at once.
const PIECE_BYTES: usize = 256 << 10;

/// Keeps each report in a file of its own. Those that are too old are removed when another begins.
#[derive(Debug, Clone)]
pub struct FileReports {
    directory: PathBuf,
}

impl FileReports {
    /// Reports in a directory, which is made when the first begins.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn find(&self, id: Uuid, since: Timestamp) -> io::Result<Option<(Option<KeyId>, File)>> {
        for entry in entries(&self.directory)? {
            let path = entry?.path();
            let found = identity(&path).filter(|found| found.id == id && found.at >= since);
            if let Some(Identity { owner, .. }) = found {
                return match File::open(path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    file => file.map(|file| Some((owner, file))),
                };
            }
        }
        Ok(None)
    }

    fn remove_before(&self, since: Timestamp) -> io::Result<()> {
        for entry in entries(&self.directory)? {
            let path = entry?.path();
            if identity(&path).is_some_and(|found| found.at < since) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl FailureReports for FileReports {
    fn begin(&self, id: Uuid, owner: Option<KeyId>, now: Timestamp) -> Result<Box<dyn FailureReport>, StoreError> {
        let begin = || {
            fs::create_dir_all(&self.directory)?;
            self.remove_before(now.minus(ANSWER_LIFETIME))?;
            NamedTempFile::new_in(&self.directory)
        };
        let owner = owner.map(|owner| format!(".{owner}")).unwrap_or_default();
        let path = self.directory.join(format!("{id}.{}{owner}{SUFFIX}", now.as_micros()));
        Ok(Box::new(FileReport { file: BufWriter::new(begin().map_err(StoreError::of_disk)?), path }))
    }

    async fn open(&self, id: Uuid, since: Timestamp) -> Result<Option<StoredReport>, StoreError> {
        let reports = self.clone();
        let found = blocking::run(move || reports.find(id, since)).await?.map_err(StoreError::of_disk)?;
        Ok(found.map(|(owner, file)| StoredReport { owner, lines: stream::try_unfold(file, next_piece).boxed() }))
    }
}

/// The files of a directory that need not be there.
fn entries(directory: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        entries => Ok(Some(entries?).into_iter().flatten()),
    }
}

/// What the name of a report says.
struct Identity {
    id: Uuid,
    at: Timestamp,
    owner: Option<KeyId>,
}

fn identity(path: &Path) -> Option<Identity> {
    let (id, rest) = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?.split_once('.')?;
    let (micros, owner) = rest.split_once('.').map_or((rest, None), |(micros, owner)| (micros, Some(owner)));
    let owner = owner.map_or(Some(None), |owner| KeyId::parse(owner).map(Some))?;
    Some(Identity { id: Uuid::try_parse(id).ok()?, at: Timestamp::from_micros(micros.parse().ok()?), owner })
}

async fn next_piece(mut file: File) -> Result<Option<(Bytes, File)>, StoreError> {
    let read = move || {
        let mut piece = Vec::new();
        (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).map(|_| (piece, file))
    };
    let (piece, file) = blocking::run(read).await?.map_err(StoreError::of_disk)?;
    Ok((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
}

/// A report that has no name until it is whole.
#[derive(Debug)]
struct FileReport {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl FailureReport for FileReport {
    fn write(&mut self, lines: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(lines).map_err(StoreError::of_disk)
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        let file = self.file.into_inner().map_err(|error| StoreError::of_disk(error.into_error()))?;
        file.persist(self.path).map(drop).map_err(|error| StoreError::of_disk(error.error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::TryStreamExt;

    use super::*;

    async fn read(reports: &FileReports, id: Uuid, since: Timestamp) -> Option<Vec<u8>> {
        let StoredReport { lines, .. } = reports.open(id, since).await.unwrap()?;
        Some(lines.try_collect::<Vec<Bytes>>().await.unwrap().concat())
    }

    #[tokio::test]
    async fn a_report_is_read_back_once_it_is_finished() {
        let directory = tempfile::tempdir().unwrap();
        let reports = FileReports::new(directory.path().join("imports"));
        let (id, now) = (Uuid::from_u128(1), Timestamp::from_micros(7));
        assert_eq!(read(&reports, id, now).await, None, "there is not even a directory");

        let mut report = reports.begin(id, None, now).unwrap();
        let line = [vec![b'x'; 999], vec![b'\n']].concat();
        for _ in 0..1_000 {
            report.write(&line).unwrap();
        }
        assert_eq!(read(&reports, id, now).await, None);
        report.finish().unwrap();

        assert_eq!(read(&reports, id, now).await, Some(line.repeat(1_000)));
        assert_eq!(read(&reports, Uuid::from_u128(2), now).await, None);
    }

    #[tokio::test]
    async fn a_report_knows_the_key_of_its_call() {
        let directory = tempfile::tempdir().unwrap();
        let reports = FileReports::new(directory.path().to_owned());
        let now = Timestamp::from_micros(7);
        for (id, owner) in [(1, None), (2, KeyId::parse("0123456789ab"))] {
            let id = Uuid::from_u128(id);
            reports.begin(id, owner, now).unwrap().finish().unwrap();
            assert_eq!(reports.open(id, now).await.unwrap().unwrap().owner, owner);
        }
    }

    #[tokio::test]
    async fn a_report_that_is_dropped_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let reports = FileReports::new(directory.path().to_owned());
        let mut report = reports.begin(Uuid::nil(), None, Timestamp::from_micros(0)).unwrap();
        report.write(b"x\n").unwrap();
        drop(report);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn reports_are_removed_when_they_are_too_old() {
        let directory = tempfile::tempdir().unwrap();
        let reports = FileReports::new(directory.path().to_owned());
        let (old, young) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let yesterday = Timestamp::from_micros(0);
        reports.begin(old, None, yesterday).unwrap().finish().unwrap();
        fs::write(directory.path().join("something else"), "").unwrap();

        let day_later = i64::try_from((ANSWER_LIFETIME + Duration::from_micros(1)).as_micros()).unwrap();
        let now = Timestamp::from_micros(day_later);
        assert!(read(&reports, old, yesterday).await.is_some());
        assert_eq!(read(&reports, old, now.minus(ANSWER_LIFETIME)).await, None, "it has expired");

        reports.begin(young, None, now).unwrap().finish().unwrap();
        assert_eq!(read(&reports, old, yesterday).await, None, "its file is gone");
        assert!(read(&reports, young, now).await.is_some());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "what is no report stays");
    }
}
