//! Files and logs that were cut, or had bits changed: the store is refused with a reason, or opens with every commit that
//! was whole and says what was cut off.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{RecordReader, RecordWriter, ScanRequest, SchemaCatalog, StoreError, StoreErrorKind};
use eider_domain::{RecordQuery, SchemaName};
use eider_store_duckdb::{DuckDbStore, Finding, StoreSettings, Thoroughness, examine};
use eider_testkit::{condition, projection};
use futures::StreamExt;
use proptest::prelude::*;
use serde_json::json;

use crate::fixture::{numbers_store, settings, write_numbers};

const FILE: &str = "eider.duckdb";
const LOG: &str = "eider.duckdb.wal";

/// A file and its log, as a killed server leaves them.
struct Sample {
    file: Vec<u8>,
    log: Vec<u8>,
    /// The length of the log after each commit, and the records that there are then.
    commits: Vec<(usize, Vec<i64>)>,
}

impl Sample {
    /// What is stored by the commits that are whole in the beginning of the log.
    fn whole(&self, log_bytes: usize) -> &[i64] {
        let whole = self.commits.iter().rfind(|(end, _)| *end <= log_bytes);
        whole.map_or(&[], |(_, numbers)| numbers)
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// Records in the file, then in the log commits of one record and of some, a deletion, and a commit without records.
fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let settings = StoreSettings {
                checkpoint_after_idle: std::time::Duration::from_hours(1),
                ..settings(directory.path())
            };
            let (store, schema) = numbers_store(settings.clone()).await;
            write_numbers(&store, &schema, 0..50, 10).await;
            store.close().await.unwrap();
            drop(store);
            let store = DuckDbStore::open(settings).await.unwrap();
            let schema = store.get(schema.name()).await.unwrap();
            let read = |name: &str| fs::read(directory.path().join(name)).unwrap_or_default();
            let mut numbers: Vec<i64> = (0..50).collect();
            let mut commits = vec![(0, numbers.clone())];
            for (first, rows) in [(50, 1), (51, 1), (52, 30), (82, 1), (83, 200), (283, 1)] {
                write_numbers(&store, &schema, first..first + rows, 10).await;
                numbers.extend(first..first + rows);
                commits.push((read(LOG).len(), numbers.clone()));
                if rows == 200 {
                    let some = condition(&schema, "n", "gte", json!(100));
                    store.delete(&schema, &some, 10_000).await.unwrap();
                    numbers.retain(|n| *n < 100);
                    commits.push((read(LOG).len(), numbers.clone()));
                }
            }
            Sample { file: read(FILE), log: read(LOG), commits }
        })
    })
}

/// A directory with a file and a log.
fn directory_of(file: &[u8], log: &[u8]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FILE), file).unwrap();
    fs::write(directory.path().join(LOG), log).unwrap();
    directory
}

/// The records of a directory, in their order, and what was said of the log.
async fn opened(directory: &Path) -> Result<(Vec<i64>, Option<String>), StoreError> {
    let store = DuckDbStore::open(settings(directory)).await?;
    let said = store.cut_log().map(eider_store_duckdb::CutLog::told);
    let schema = store.get(&SchemaName::parse("numbers").unwrap()).await?;
    let query = RecordQuery { projection: projection(&schema, &["n"]), ..RecordQuery::everything(&schema) };
    let mut stream = store.scan(&schema, ScanRequest::new(query)).await?;
    let mut numbers = Vec::new();
    while let Some(batch) = stream.next().await {
        numbers.extend_from_slice(batch?.column(0).as_primitive::<Int64Type>().values());
    }
    Ok((numbers, said))
}

/// What the doctor says in a check.
fn examined(directory: &Path, check: &str) -> Vec<(bool, String)> {
    let scratch = tempfile::tempdir().unwrap();
    let findings = examine(&settings(directory), scratch.path(), Thoroughness::FULL).into_iter();
    findings.filter(|finding| finding.check == check).map(|Finding { is_ok, detail, .. }| (is_ok, detail)).collect()
}

fn files_of(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let mut files: Vec<_> =
        files.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

/// A refusal that says what is wrong, and leaves everything as it was.
fn check_refusal(error: &StoreError, directory: &Path, before: &[(String, Vec<u8>)], what: &str) {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{what}: {error} {source}");
    assert!(!error.to_string().contains("in use"), "{what}: {error}");
    assert!(files_of(directory) == before, "{what}: a file was changed");
    assert!(!examined(directory, "open")[0].0, "{what}: the doctor finds nothing");
}

/// Opens a log that was cut, and checks what is there and what is said.
fn check_cut(length: usize) {
    let sample = sample();
    let log = &sample.log[..length];
    let directory = directory_of(&sample.file, log);
    let is_whole = sample.commits.iter().any(|(end, _)| *end == length);
    let before = files_of(directory.path());
    let [(is_ok, said_by_doctor)] = &examined(directory.path(), "log")[..] else { panic!("one check of the log") };
    assert!(*is_ok && files_of(directory.path()) == before);
    let (numbers, said) = block_on(opened(directory.path())).unwrap_or_else(|error| panic!("{length}: {error:?}"));
    assert_eq!(numbers, sample.whole(length), "{length}");
    // The header of the log is no commit, and nothing is missing behind it.
    let is_header = said.is_none() && !is_whole && numbers.len() == 50;
    assert_eq!(said.is_none(), is_whole || is_header, "{length}: {said:?}");
    let copy = directory.path().join("eider.duckdb.wal.torn");
    if let Some(said) = said {
        let whole = sample.commits.iter().rfind(|(end, _)| *end <= length).unwrap().0;
        let commits = sample.commits.iter().filter(|(end, _)| *end > 0 && *end <= length).count();
        let whole_bytes = if commits == 0 { 0 } else { whole };
        assert!(said.contains(&format!("{} bytes behind {commits} whole commits", length - whole_bytes)), "{said}");
        assert!(said_by_doctor.contains(&said), "{said_by_doctor}");
        assert!(fs::read(&copy).unwrap() == log, "{length}");
        assert!(examined(directory.path(), "log")[0].1.contains("eider.duckdb.wal.torn of an earlier start"));
    } else {
        assert!(!copy.try_exists().unwrap(), "{length}");
    }
}

#[test]
fn a_log_that_was_cut_around_the_end_of_a_commit_opens_with_all_before_it() {
    for (end, _) in &sample().commits {
        for length in [end.saturating_sub(1), *end, end + 1, end + 16, end + 17, end + 40, end + 60, end + 100] {
            if length <= sample().log.len() {
                check_cut(length);
            }
        }
    }
}

#[test]
fn an_empty_log_is_found() {
    let directory = directory_of(&sample().file, &[]);
    assert!(examined(directory.path(), "log")[0].1.starts_with("the log is empty"));
    fs::remove_file(directory.path().join(LOG)).unwrap();
    assert_eq!(examined(directory.path(), "log"), [(true, "no log".to_owned())]);
}

#[test]
fn a_copy_of_a_log_is_kept_once_and_the_commit_is_named() {
    let sample = sample();
    let directory = directory_of(&sample.file, &sample.log[..sample.log.len() - 10]);
    for _ in 0..3 {
        let before = fs::read(directory.path().join(LOG)).unwrap();
        let (_, said) = block_on(opened(directory.path())).unwrap();
        assert!(said.unwrap().starts_with("the log ends within a commit to `numbers`: "));
        // As if the process had been killed before it wrote.
        fs::write(directory.path().join(FILE), &sample.file).unwrap();
        fs::write(directory.path().join(LOG), before).unwrap();
    }
    let copies = |directory: &Path| {
        let files = files_of(directory).into_iter().map(|(name, _)| name);
        files.filter(|name| name.contains(".torn")).collect::<Vec<_>>()
    };
    assert_eq!(copies(directory.path()), ["eider.duckdb.wal.torn"]);
    for length in sample.log.len() - 30..sample.log.len() - 10 {
        fs::write(directory.path().join(FILE), &sample.file).unwrap();
        fs::write(directory.path().join(LOG), &sample.log[..length]).unwrap();
        block_on(opened(directory.path())).unwrap();
    }
    assert_eq!(copies(directory.path()).len(), 8);
}

/// What is behind the last commit, as a machine that went down leaves it, is cut off and nothing else.
#[test]
fn zeros_behind_the_last_commit_are_cut_off() {
    let sample = sample();
    for zeros in [1, 15, 16, 100, 5_000] {
        let log = [&sample.log[..], &vec![0; zeros]].concat();
        let directory = directory_of(&sample.file, &log);
        let (numbers, said) = block_on(opened(directory.path())).unwrap();
        assert_eq!(numbers, sample.whole(sample.log.len()));
        assert!(said.unwrap().contains(&format!("{zeros} bytes")));
    }
}

/// A length that was changed hides whole commits behind it.
#[test]
fn commits_behind_a_damaged_length_are_not_cut_off_in_silence() {
    let sample = sample();
    for (end, _) in &sample.commits[1..sample.commits.len() - 1] {
        for byte in 0..8 {
            let mut log = sample.log.clone();
            log[end + byte] ^= 0x40;
            let directory = directory_of(&sample.file, &log);
            let before = files_of(directory.path());
            let error = block_on(opened(directory.path())).unwrap_err();
            check_refusal(&error, directory.path(), &before, &format!("byte {byte} behind {end}"));
            assert!(error.to_string().contains(&format!("is damaged at byte {end} of ")), "{error}");
            assert!(error.to_string().contains(&format!("truncate -s {end} ")), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_log_that_was_cut_anywhere_opens_with_the_commits_before(share in 0.0..=1.0) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a place")]
        check_cut((sample().log.len() as f64 * share) as usize);
    }

    /// One bit, anywhere in the log: whatever opens has every record.
    #[test]
    fn a_log_with_a_bit_changed_is_refused_or_whole(at in any::<prop::sample::Index>(), bit in 0..8_u8, in_front in any::<bool>()) {
        let sample = sample();
        let mut log = sample.log.clone();
        let at = at.index(if in_front { 80 } else { log.len() });
        log[at] ^= 1 << bit;
        let directory = directory_of(&sample.file, &log);
        let before = files_of(directory.path());
        match block_on(opened(directory.path())) {
            Ok((numbers, _)) => prop_assert_eq!(&numbers[..], sample.whole(log.len())),
            Err(error) => check_refusal(&error, directory.path(), &before, &format!("bit {bit} of byte {at}")),
        }
    }

    /// Bytes of any number anywhere, changed to anything.
    #[test]
    fn a_damaged_log_never_opens_with_less_in_silence(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let sample = sample();
        let mut log = sample.log.clone();
        for (at, byte) in damage {
            let at = at.index(log.len());
            log[at] = byte;
        }
        let directory = directory_of(&sample.file, &log);
        let before = files_of(directory.path());
        match block_on(opened(directory.path())) {
            Ok((numbers, None)) => prop_assert_eq!(&numbers[..], sample.whole(log.len())),
            Ok((numbers, Some(_))) => prop_assert!(sample.commits.iter().any(|(_, whole)| *whole == numbers)),
            Err(error) => check_refusal(&error, directory.path(), &before, "damage"),
        }
    }

    /// One bit in the three headers of the file.
    #[test]
    fn a_file_with_a_bit_changed_in_its_headers_is_refused_or_whole(
        header in 0..3_usize,
        at in prop_oneof![0..400_usize, 0..4096_usize],
        bit in 0..8_u8,
        has_log in any::<bool>(),
    ) {
        let sample = sample();
        let mut file = sample.file.clone();
        file[header * 4096 + at] ^= 1 << bit;
        let log = if has_log { &sample.log[..] } else { &[] };
        let directory = directory_of(&file, log);
        let before = files_of(directory.path());
        match block_on(opened(directory.path())) {
            Ok((numbers, said)) => prop_assert_eq!((&numbers[..], said), (sample.whole(log.len()), None)),
            Err(error) => check_refusal(&error, directory.path(), &before, &format!("bit {bit} of byte {at} of header {header}")),
        }
    }

    /// A file that is shorter than it was is refused, or fails when it is read.
    #[test]
    fn a_file_that_was_cut_never_shows_less(at in any::<prop::sample::Index>(), has_log in any::<bool>()) {
        let sample = sample();
        let log = if has_log { &sample.log[..] } else { &[] };
        let directory = directory_of(&sample.file[..at.index(sample.file.len())], log);
        match block_on(opened(directory.path())) {
            Ok((numbers, said)) => prop_assert_eq!((&numbers[..], said), (sample.whole(log.len()), None)),
            Err(error) => prop_assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{:?}", error),
        }
    }
}

#[test]
fn a_log_of_another_file_is_refused_as_such() {
    let sample = sample();
    let other = tempfile::tempdir().unwrap();
    let other_file = block_on(async {
        let (store, schema) = numbers_store(settings(other.path())).await;
        write_numbers(&store, &schema, 0..5, 10).await;
        store.close().await.unwrap();
        drop((store, Arc::clone(&schema)));
        fs::read(other.path().join(FILE)).unwrap()
    });
    let directory = directory_of(&other_file, &sample.log);
    let before = files_of(directory.path());
    let error = block_on(opened(directory.path())).unwrap_err();
    check_refusal(&error, directory.path(), &before, "another file");
    assert!(error.to_string().contains("belongs to another file"), "{error}");
}
