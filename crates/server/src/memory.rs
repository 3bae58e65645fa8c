//! How much memory this process may use, and how much it does.

use std::process;

use eider_application::ports::{MemoryLimitSource, MemoryProbe, MemoryReading};
use sysinfo::{CGroupLimits, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Share of the memory that the engine gets when nothing else is said.
const ENGINE_SHARE: u64 = 4;
/// The least that it works with.
pub(crate) const ENGINE_FLOOR: u64 = 256 << 20;

/// A quarter of the memory that this process may use, at least 256 MiB.
pub(crate) fn default_engine_memory(limit: Option<u64>) -> u64 {
    let limit = limit.or_else(|| Some(SystemMemory::new(None)?.read()?.limit_bytes));
    engine_memory(limit.unwrap_or(0))
}

fn engine_memory(available: u64) -> u64 {
    (available / ENGINE_SHARE).max(ENGINE_FLOOR)
}

/// Memory as the system tells it. The limit is the first of these that there is: a setting, the control group of the
/// process or the smallest above it (version 1 or 2), the machine.
///
/// What counts as used is what that limit is for: of a setting the resident memory of the process; of a group the
/// memory of its processes without the caches of files, which the system gives back before it kills; of a machine what
/// is not available.
#[derive(Debug)]
pub(crate) struct SystemMemory {
    system: System,
    process: Pid,
    limit: Option<u64>,
}

impl SystemMemory {
    /// `None` on a system that is not known.
    pub(crate) fn new(limit: Option<u64>) -> Option<Self> {
        Some(Self { system: System::new().ok()?, process: Pid::from_u32(process::id()), limit })
    }
}

impl MemoryProbe for SystemMemory {
    fn read(&mut self) -> Option<MemoryReading> {
        let memory = ProcessRefreshKind::nothing().with_memory();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.process]), false, memory);
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let process = self.system.process(self.process)?;
        let resident = process.memory();
        let machine = (self.system.total_memory(), self.system.available_memory());
        reading(self.limit, process.cgroup_limits(), machine, resident)
    }
}

/// `machine` is its memory and what of it is available.
fn reading(
    limit: Option<u64>,
    group: Option<CGroupLimits>,
    machine: (u64, u64),
    resident_bytes: u64,
) -> Option<MemoryReading> {
    let of = |limit_bytes, used_bytes, source| MemoryReading { limit_bytes, used_bytes, resident_bytes, source };
    let (total, available) = machine;
    match (limit, group) {
        (Some(limit), _) => Some(of(limit, resident_bytes, MemoryLimitSource::Setting)),
        // A group without a limit reports one that no machine reaches.
        (None, Some(group)) if group.total_memory <= total => {
            Some(of(group.total_memory, group.rss, MemoryLimitSource::ControlGroup))
        }
        (None, _) => (total > 0).then(|| of(total, total.saturating_sub(available), MemoryLimitSource::Machine)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(total_memory: u64, rss: u64) -> CGroupLimits {
        CGroupLimits { total_memory, rss, ..CGroupLimits::default() }
    }

    #[test]
    fn the_engine_gets_a_quarter_but_never_less_than_it_needs() {
        assert_eq!(engine_memory(8 << 30), 2 << 30);
        assert_eq!(engine_memory(512 << 20), ENGINE_FLOOR);
        assert_eq!(default_engine_memory(Some(4 << 30)), 1 << 30);
    }

    #[test]
    fn a_setting_comes_before_the_group_and_the_group_before_the_machine() {
        let found = |limit, group| {
            let reading = reading(limit, group, (1000, 400), 5).unwrap();
            (reading.limit_bytes, reading.used_bytes, reading.source)
        };
        assert_eq!(found(Some(300), Some(group(200, 50))), (300, 5, MemoryLimitSource::Setting));
        assert_eq!(found(None, Some(group(200, 50))), (200, 50, MemoryLimitSource::ControlGroup));
        assert_eq!(found(None, Some(group(u64::MAX, 50))), (1000, 600, MemoryLimitSource::Machine));
        assert_eq!(found(None, None), (1000, 600, MemoryLimitSource::Machine));
    }

    #[test]
    fn the_system_says_how_much_there_is_and_how_much_is_used() {
        let reading = SystemMemory::new(None).unwrap().read().unwrap();
        assert!(reading.limit_bytes > ENGINE_FLOOR, "{reading:?}");
        assert!(reading.resident_bytes > 1 << 20 && reading.resident_bytes <= reading.limit_bytes, "{reading:?}");
    }
}
