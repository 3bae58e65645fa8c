//! The process of a server through a run: processor time, resident memory and files, four times a second.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::server::Server;

/// How often.
const EVERY: Duration = Duration::from_millis(250);
/// Clock ticks a second in `/proc/<pid>/stat` (`USER_HZ`, which Linux fixes).
const TICKS_A_SECOND: f64 = 100.0;

/// What was seen at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// Seconds since the watch began.
    pub(crate) at: f64,
    /// Seconds of all processors since the process began.
    pub(crate) processor_seconds: f64,
    /// Bytes of anonymous and file pages.
    pub(crate) resident_bytes: u64,
    /// Bytes of the database and its write-ahead log.
    pub(crate) file_bytes: u64,
    /// Bytes that went to the disk since the process began.
    pub(crate) written_bytes: u64,
}

/// What a part of a run took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Seconds of all processors.
    pub(crate) processor_seconds: f64,
    /// How long it was, in seconds.
    pub(crate) seconds: f64,
    /// Resident bytes when it began.
    pub(crate) resident_first: u64,
    /// Most resident bytes.
    pub(crate) resident_peak: u64,
    /// Bytes of the files at its end.
    pub(crate) file_bytes: u64,
    /// Bytes that went to the disk.
    pub(crate) written_bytes: u64,
}

/// A watch over a process.
#[derive(Debug)]
pub(crate) struct Watch {
    process: Process,
    began: Instant,
    samples: Arc<Mutex<Vec<Sample>>>,
    /// Its thread ends with it.
    ends: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone)]
struct Process {
    pid: u32,
    directory: PathBuf,
}

impl Watch {
    /// Watches the process of a server; nothing when it was not started here.
    pub(crate) fn over(server: &Server) -> Option<Self> {
        let process = Process { pid: server.pid()?, directory: server.directory()?.to_owned() };
        let (samples, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
        let (ends, ended) = mpsc::channel();
        let (seen, watched) = (Arc::clone(&samples), process.clone());
        let thread = std::thread::spawn(move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(watched.sample(began));
            }
        });
        Some(Self { process, began, samples, ends: Some(ends), thread: Some(thread) })
    }

    /// What there is to see now, and where in the samples it stands.
    pub(crate) fn mark(&self) -> (usize, Sample) {
        let sample = self.process.sample(self.began);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push(sample);
        (samples.len() - 1, sample)
    }

    /// What was used since a mark.
    pub(crate) fn since(&self, mark: (usize, Sample)) -> Usage {
        let (index, first) = mark;
        let (_, last) = self.mark();
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let peak = samples[index..].iter().map(|sample| sample.resident_bytes).max();
        Usage {
            processor_seconds: last.processor_seconds - first.processor_seconds,
            seconds: last.at - first.at,
            resident_first: first.resident_bytes,
            resident_peak: peak.unwrap_or_default(),
            file_bytes: last.file_bytes,
            written_bytes: last.written_bytes.saturating_sub(first.written_bytes),
        }
    }

    /// Everything seen since a mark, in order.
    pub(crate) fn samples_since(&self, mark: (usize, Sample)) -> Vec<Sample> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)[mark.0..].to_vec()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.ends.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Process {
    /// Zeros for what cannot be read: the process may have ended.
    fn sample(&self, began: Instant) -> Sample {
        let proc = PathBuf::from(format!("/proc/{}", self.pid));
        let text = |name| fs::read_to_string(proc.join(name)).unwrap_or_default();
        let size = |name: &str| fs::metadata(self.directory.join(name)).map_or(0, |file| file.len());
        Sample {
            at: began.elapsed().as_secs_f64(),
            processor_seconds: ticks(&text("stat")) / TICKS_A_SECOND,
            resident_bytes: field(&text("status"), "VmRSS:") << 10,
            file_bytes: size("eider.duckdb") + size("eider.duckdb.wal"),
            written_bytes: field(&text("io"), "write_bytes:"),
        }
    }
}

/// Resident bytes of a process, of those that it shares its part (proportional set size); 0 when there is none.
pub(crate) fn proportional_bytes(pid: u32) -> u64 {
    fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map_or(0, |rollup| field(&rollup, "Pss:") << 10)
}

/// User and system time of `/proc/<pid>/stat`: the 14th and 15th field, behind a name that may hold spaces.
fn ticks(stat: &str) -> f64 {
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum()
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_process_are_found_in_its_files() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 100 0 0";
        assert_eq!(ticks(stat).to_bits(), 300.0_f64.to_bits());
        assert_eq!(field("Name:\teider\nVmRSS:\t  2048 kB\n", "VmRSS:"), 2048);
        assert_eq!(field("", "VmRSS:"), 0);
    }

    #[test]
    fn this_process_is_resident_and_has_used_time() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("eider.duckdb"), [0; 1000]).expect("a file is written");
        let process = Process { pid: std::process::id(), directory: directory.path().to_owned() };
        let sample = process.sample(Instant::now());
        assert!(sample.resident_bytes > 1 << 20, "{sample:?}");
        assert!(proportional_bytes(process.pid) > 1 << 20);
        assert_eq!(sample.file_bytes, 1000);
    }
}
