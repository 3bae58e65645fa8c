//! How much memory this process may use.

use sysinfo::{MemoryRefreshKind, System};

/// Share of the memory that the engine gets when nothing else is said.
const ENGINE_SHARE: u64 = 4;
/// The least that it works with.
pub(crate) const ENGINE_FLOOR: u64 = 256 << 20;

/// A quarter of the memory of this process's control group, or of the machine where there is none; at least 256 MiB.
pub(crate) fn default_engine_memory() -> u64 {
    engine_memory(available())
}

fn engine_memory(available: u64) -> u64 {
    (available / ENGINE_SHARE).max(ENGINE_FLOOR)
}

/// 0 on a system that does not say.
fn available() -> u64 {
    let Ok(mut system) = System::new() else { return 0 };
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let machine = system.total_memory();
    // A group without a limit reports one that no machine reaches.
    system.cgroup_limits().map_or(machine, |limits| limits.total_memory.min(machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_gets_a_quarter_but_never_less_than_it_needs() {
        assert_eq!(engine_memory(8 << 30), 2 << 30);
        assert_eq!(engine_memory(512 << 20), ENGINE_FLOOR);
    }

    #[test]
    fn the_machine_has_memory() {
        assert!(available() > ENGINE_FLOOR);
    }
}
