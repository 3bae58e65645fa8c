//! Keeps work out while memory is short.
//!
//! Two rules hold. Of what heavy requests may come to need, no more is promised than there is: a request reserves its
//! need before its body is read ([`MemoryGuard::reserve`]). And whatever was promised, what is measured counts: over the
//! soft share of the limit no heavy request is begun, over the critical one nothing is but health and figures. A share
//! that was passed counts as passed until memory is clearly below it, so that a service at the edge does not flap.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::thread;
use std::time::Duration;

use crate::{MemoryProbe, MemoryReading};

/// When the guard closes and opens. Shares are of the limit, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryGuardSettings {
    /// Over this share no heavy request is begun.
    pub soft_share: f64,
    /// Over this share nothing is begun but health and figures.
    pub critical_share: f64,
    /// How far below a share memory must fall to be below it again.
    pub hysteresis_share: f64,
    /// Time between two readings.
    pub check_every: Duration,
    /// Memory that is not for requests: the engine's, that of caches, and the program's own, in bytes.
    pub base_bytes: u64,
}

impl Default for MemoryGuardSettings {
    fn default() -> Self {
        Self {
            soft_share: 0.85,
            critical_share: 0.90,
            hysteresis_share: 0.03,
            check_every: Duration::from_millis(100),
            base_bytes: 0,
        }
    }
}

/// How short memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryPressure {
    /// It is not.
    Normal,
    /// Over the soft share.
    High,
    /// Over the critical share.
    Critical,
}

impl MemoryPressure {
    const ALL: [Self; 3] = [Self::Normal, Self::High, Self::Critical];

    /// What clients are shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What the guard knows, for those who operate the service. Bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryFigures {
    /// The last reading; `None` where the system does not say how much memory there is.
    pub reading: Option<MemoryReading>,
    /// How short memory is.
    pub pressure: MemoryPressure,
    /// Use over which no heavy request is begun.
    pub soft_bytes: u64,
    /// Use over which nothing is begun but health and figures.
    pub critical_bytes: u64,
    /// What the requests that run may come to need together.
    pub reserved_bytes: u64,
    /// What they may at most.
    pub reservable_bytes: u64,
    /// How often the guard has closed: pressure rose from normal.
    pub closings: u64,
}

/// Decides which work may begin. Clones share one state.
#[derive(Clone)]
pub struct MemoryGuard(Arc<State>);

struct State {
    known: RwLock<Known>,
    pressure: AtomicU8,
    reserved: AtomicU64,
    closings: AtomicU64,
}

#[derive(Clone, Copy)]
struct Known {
    settings: MemoryGuardSettings,
    reading: Option<MemoryReading>,
}

impl MemoryGuard {
    /// A guard that lets everything through until it is told of a limit by [`MemoryGuard::observe`].
    pub fn new(settings: MemoryGuardSettings) -> Self {
        Self(Arc::new(State {
            known: RwLock::new(Known { settings, reading: None }),
            pressure: AtomicU8::new(0),
            reserved: AtomicU64::new(0),
            closings: AtomicU64::new(0),
        }))
    }

    /// Puts other shares in force, from the next reading on.
    pub fn configure(&self, settings: MemoryGuardSettings) {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner).settings = settings;
    }

    /// Takes a reading into account.
    pub fn observe(&self, reading: MemoryReading) {
        let before = self.pressure();
        let after = {
            let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
            known.reading = Some(reading);
            known.settings.pressure(before, &reading)
        };
        self.0.pressure.store(after as u8, Ordering::Relaxed);
        if after == before {
            return;
        }
        if before == MemoryPressure::Normal {
            self.0.closings.fetch_add(1, Ordering::Relaxed);
        }
        let (used, limit) = (reading.used_bytes, reading.limit_bytes);
        let (from, to) = (before.name(), after.name());
        if after > before {
            tracing::warn!(memory.used_bytes = used, memory.limit_bytes = limit, from, to, "memory is short");
        } else {
            tracing::info!(memory.used_bytes = used, memory.limit_bytes = limit, from, to, "memory is freer");
        }
    }

    /// How short memory is, by the last reading.
    pub fn pressure(&self) -> MemoryPressure {
        MemoryPressure::ALL[usize::from(self.0.pressure.load(Ordering::Relaxed)).min(2)]
    }

    /// Sets memory aside for a heavy request, until the reservation is dropped. `None` when memory is short, or what is
    /// set aside would be more than there is; a request that is alone is not refused for what it may need.
    pub fn reserve(&self, bytes: u64) -> Option<Reservation> {
        if self.pressure() > MemoryPressure::Normal {
            return None;
        }
        let reservable = self.reservable();
        let add = |reserved: u64| {
            let sum = reserved.saturating_add(bytes);
            (reserved == 0 || sum <= reservable).then_some(sum)
        };
        self.0.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Reservation { guard: self.clone(), bytes })
    }

    /// What is known now.
    pub fn figures(&self) -> MemoryFigures {
        let Known { settings, reading } = self.known();
        let limit = reading.map_or(u64::MAX, |reading| reading.limit_bytes);
        MemoryFigures {
            reading,
            pressure: self.pressure(),
            soft_bytes: share_of(limit, settings.soft_share),
            critical_bytes: share_of(limit, settings.critical_share),
            reserved_bytes: self.0.reserved.load(Ordering::Relaxed),
            reservable_bytes: settings.reservable(limit),
            closings: self.0.closings.load(Ordering::Relaxed),
        }
    }

    /// Reads at once, and from then on again and again on a thread of its own, which ends with the last clone of the
    /// guard. A system that does not say how much memory there is is not asked again.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn watch(&self, mut probe: impl MemoryProbe) -> std::io::Result<()> {
        let Some(reading) = probe.read() else { return Ok(()) };
        self.observe(reading);
        let (state, check_every) = (Arc::downgrade(&self.0), self.known().settings.check_every);
        let watch = move || {
            while let Some(guard) = Weak::upgrade(&state).map(Self) {
                if let Some(reading) = probe.read() {
                    guard.observe(reading);
                }
                drop(guard);
                thread::sleep(check_every);
            }
        };
        thread::Builder::new().name("memory-guard".to_owned()).spawn(watch).map(drop)
    }

    fn known(&self) -> Known {
        *self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn reservable(&self) -> u64 {
        let Known { settings, reading } = self.known();
        reading.map_or(u64::MAX, |reading| settings.reservable(reading.limit_bytes))
    }
}

impl MemoryGuardSettings {
    /// What requests may need together under a limit.
    fn reservable(&self, limit_bytes: u64) -> u64 {
        share_of(limit_bytes, self.soft_share).saturating_sub(self.base_bytes)
    }

    fn pressure(&self, before: MemoryPressure, reading: &MemoryReading) -> MemoryPressure {
        let is_over = |share: f64, was_over: bool| {
            let share = if was_over { share - self.hysteresis_share } else { share };
            reading.used_bytes > share_of(reading.limit_bytes, share)
        };
        if is_over(self.critical_share, before == MemoryPressure::Critical) {
            MemoryPressure::Critical
        } else if is_over(self.soft_share, before > MemoryPressure::Normal) {
            MemoryPressure::High
        } else {
            MemoryPressure::Normal
        }
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a threshold")]
fn share_of(bytes: u64, share: f64) -> u64 {
    (bytes as f64 * share) as u64
}

impl fmt::Debug for MemoryGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryGuard").field(&self.figures()).finish()
    }
}

/// Memory that is set aside for one request.
#[derive(Debug)]
pub struct Reservation {
    guard: MemoryGuard,
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.guard.0.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryLimitSource;

    fn used(percent: u64) -> MemoryReading {
        MemoryReading {
            limit_bytes: 1000,
            used_bytes: percent * 10,
            resident_bytes: 0,
            source: MemoryLimitSource::Setting,
        }
    }

    fn pressures(percents: &[u64]) -> Vec<MemoryPressure> {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        let pressure = |percent: &u64| {
            guard.observe(used(*percent));
            guard.pressure()
        };
        percents.iter().map(pressure).collect()
    }

    #[test]
    fn a_share_that_was_passed_counts_until_memory_is_clearly_below_it() {
        use MemoryPressure::{Critical, High, Normal};
        assert_eq!(pressures(&[85, 86, 84, 83, 81, 84]), [Normal, High, High, High, Normal, Normal]);
        assert_eq!(pressures(&[91, 89, 88, 87, 84, 82]), [Critical, Critical, Critical, High, High, Normal]);
        assert_eq!(pressures(&[95, 10]), [Critical, Normal]);
    }

    #[test]
    fn no_more_is_promised_than_there_is() {
        let guard = MemoryGuard::new(MemoryGuardSettings { base_bytes: 450, ..MemoryGuardSettings::default() });
        guard.observe(used(0));
        assert_eq!(guard.figures().reservable_bytes, 400);
        let first = guard.reserve(300).unwrap();
        assert!(guard.reserve(101).is_none());
        let second = guard.reserve(100).unwrap();
        assert_eq!(guard.figures().reserved_bytes, 400);
        drop(first);
        assert!(guard.reserve(300).is_some());
        drop(second);
        assert_eq!(guard.figures().reserved_bytes, 0);
    }

    #[test]
    fn a_request_that_is_alone_runs_however_much_it_may_need() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        guard.observe(used(0));
        let alone = guard.reserve(5000).unwrap();
        assert!(guard.reserve(1).is_none());
        drop(alone);
        assert!(guard.reserve(1).is_some());
    }

    #[test]
    fn what_is_measured_counts_whatever_was_promised() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        guard.observe(used(86));
        assert!(guard.reserve(1).is_none());
        guard.observe(used(20));
        assert!(guard.reserve(1).is_some());
        assert_eq!(guard.figures().closings, 1);
    }

    #[test]
    fn a_guard_that_knows_no_limit_lets_everything_through() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        assert!(guard.reserve(u64::MAX).is_some());
        assert_eq!(guard.figures().reading, None);
    }
}
