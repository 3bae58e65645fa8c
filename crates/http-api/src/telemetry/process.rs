//! Metrics of this process, as the kernel has them in `/proc`; none on other systems.

use std::fs;
use std::sync::LazyLock;

/// Ticks of `/proc/self/stat` in a second, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// How this process is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProcessStatistics {
    pub(crate) resident_bytes: u64,
    pub(crate) virtual_bytes: u64,
    /// Of user and system.
    pub(crate) cpu_seconds: f64,
    pub(crate) threads: u64,
    pub(crate) open_files: u64,
    pub(crate) max_open_files: Option<u64>,
    /// Seconds since 1970.
    pub(crate) started_at: f64,
}

impl ProcessStatistics {
    /// Reads the statistics anew: some ten reads of files that are in no disk.
    pub(crate) fn read() -> Option<Self> {
        let (stat, status) = (fs::read_to_string("/proc/self/stat").ok()?, status()?);
        // The name before the other fields may hold anything but is in parentheses; behind it is field 3.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let limits = fs::read_to_string("/proc/self/limits").ok();
        let max_open_files = limits.as_deref().and_then(|limits| {
            let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        });
        Some(Self {
            resident_bytes: kibibytes(&status, "VmRSS:")?,
            virtual_bytes: kibibytes(&status, "VmSize:")?,
            cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_PER_SECOND,
            threads: field(&status, "Threads:")?,
            // Without the directory that is being read.
            open_files: (fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1),
            max_open_files,
            started_at: booted_at()? + ticks(22)? / TICKS_PER_SECOND,
        })
    }
}

fn status() -> Option<String> {
    fs::read_to_string("/proc/self/status").ok()
}

fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    field(status, name).map(|number| number << 10)
}

/// When the machine was booted, in seconds since 1970.
fn booted_at() -> Option<f64> {
    static BOOTED_AT: LazyLock<Option<f64>> = LazyLock::new(|| {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
    });
    *BOOTED_AT
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_those_of_this_process() {
        let before = ProcessStatistics::read().unwrap();
        let (memory, file) = (vec![1_u8; 32 << 20], fs::File::open("/proc/self/status").unwrap());
        let thread = std::thread::spawn(|| ProcessStatistics::read().unwrap());
        let after = thread.join().unwrap();
        assert!(after.resident_bytes >= memory.len() as u64, "{after:?}");
        assert!(after.virtual_bytes > after.resident_bytes && after.threads >= 2, "{after:?}");
        assert!(after.open_files >= 4 && after.max_open_files.is_some_and(|most| most > after.open_files), "{after:?}");
        assert!(after.cpu_seconds >= before.cpu_seconds && before.started_at > 1e9, "{before:?} {after:?}");
        drop(file);
    }
}
