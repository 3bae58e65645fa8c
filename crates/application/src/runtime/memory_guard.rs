//! Keeps work out while memory is short.
//!
//! Two rules hold. Of what heavy requests may come to need, no more is promised than there is: a request reserves its
//! need before its body is read ([`MemoryGuard::reserve`]). And whatever was promised, what is measured counts: over
//! the soft share of the limit no heavy request is begun, over the critical one nothing is but health and metrics. A
//! share that was passed counts as passed until memory is clearly below it, so that a service at the edge does not
//! flap.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::thread;
use std::time::Duration;

use eider_settings::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::ports::{MemoryProbe, MemoryReading};

/// What memory is reserved in: a mebibyte.
const UNIT_BYTES: u64 = 1 << 20;
/// Units while no limit is known.
const NO_LIMIT: u32 = u32::MAX >> 1;

/// When the guard closes and opens. Shares are of the limit, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MemoryGuardSettings {
    /// Share of the limit over which bulk calls and streams are refused with 503, until memory is clearly below it.
    #[serde(rename = "memory.soft_share")]
    #[schemars(extend("x-reload" = true))]
    pub soft_share: f64,
    /// Share of the limit over which everything but health and metrics is refused with 503.
    #[serde(rename = "memory.critical_share")]
    #[schemars(extend("x-reload" = true))]
    pub critical_share: f64,
    /// How far below a share memory must fall to be below it again.
    #[serde(skip)]
    pub hysteresis_share: f64,
    /// Time between two looks at the memory in use.
    #[serde(rename = "memory.check_every", with = "Period")]
    pub check_every: Duration,
    /// Memory that is not for requests: the engine's, that of caches, and the program's own, in bytes.
    #[serde(skip)]
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
pub struct MemoryStatistics {
    /// The last reading; `None` where the system does not say how much memory there is.
    pub reading: Option<MemoryReading>,
    /// How short memory is.
    pub pressure: MemoryPressure,
    /// Use over which no heavy request is begun.
    pub soft_bytes: u64,
    /// Use over which nothing is begun but health and metrics.
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
    /// One permit for each unit that is not reserved; who waits for many is not overtaken by who wants few.
    units: Arc<Semaphore>,
    closings: AtomicU64,
}

#[derive(Clone, Copy)]
struct Known {
    settings: MemoryGuardSettings,
    reading: Option<MemoryReading>,
    /// Units in all, those that are reserved included.
    units: u32,
}

impl MemoryGuard {
    /// A guard that lets everything through until it is told of a limit by [`MemoryGuard::observe`].
    pub fn new(settings: MemoryGuardSettings) -> Self {
        Self(Arc::new(State {
            known: RwLock::new(Known { settings, reading: None, units: NO_LIMIT }),
            pressure: AtomicU8::new(0),
            units: Arc::new(Semaphore::new(NO_LIMIT as usize)),
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
            let wanted = units_of(known.settings.reservable(reading.limit_bytes)).clamp(1, NO_LIMIT);
            known.units = self.resize(known.units, wanted);
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

    /// Sets memory aside for a heavy request, until the reservation is dropped, and waits for it for a while; those
    /// that came before come first. A request that may need more than there is runs alone. `None` when memory is
    /// short, or not given back in time.
    pub async fn reserve(&self, bytes: u64, at_most: Duration) -> Option<Reservation> {
        if self.pressure() > MemoryPressure::Normal {
            return None;
        }
        let units = units_of(bytes).clamp(1, self.known().units);
        let acquired = timeout(at_most, Arc::clone(&self.0.units).acquire_many_owned(units)).await;
        // Closed it never is.
        let permit = acquired.ok()?.ok()?;
        (self.pressure() == MemoryPressure::Normal).then_some(Reservation { _permit: permit })
    }

    /// Reserves memory at once for work that has begun and turns out to need more; see [`MemoryGuard::reserve`].
    /// `None` when memory is short.
    pub fn reserve_now(&self, bytes: u64) -> Option<Reservation> {
        if self.pressure() > MemoryPressure::Normal {
            return None;
        }
        let permit = Arc::clone(&self.0.units).try_acquire_many_owned(units_of(bytes).max(1)).ok()?;
        Some(Reservation { _permit: permit })
    }

    /// Makes so many units of those that there are; fewer only as far as they are not reserved. How many there are
    /// then.
    fn resize(&self, units: u32, wanted: u32) -> u32 {
        if wanted >= units {
            self.0.units.add_permits((wanted - units) as usize);
            return wanted;
        }
        let forgotten = self.0.units.forget_permits((units - wanted) as usize);
        units - u32::try_from(forgotten).unwrap_or(units)
    }

    /// The last reading; `None` where the system does not say how much memory there is.
    pub fn reading(&self) -> Option<MemoryReading> {
        self.known().reading
    }

    /// What is known now.
    pub fn statistics(&self) -> MemoryStatistics {
        let Known { settings, reading, units } = self.known();
        let limit = reading.map_or(u64::MAX, |reading| reading.limit_bytes);
        let reserved = (units as usize).saturating_sub(self.0.units.available_permits()) as u64;
        MemoryStatistics {
            reading,
            pressure: self.pressure(),
            soft_bytes: share_of(limit, settings.soft_share),
            critical_bytes: share_of(limit, settings.critical_share),
            reserved_bytes: reserved * UNIT_BYTES,
            reservable_bytes: u64::from(units) * UNIT_BYTES,
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
        f.debug_tuple("MemoryGuard").field(&self.statistics()).finish()
    }
}

/// Memory that is reserved for one request.
#[derive(Debug)]
pub struct Reservation {
    _permit: OwnedSemaphorePermit,
}

/// Units that so many bytes take.
fn units_of(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::MemoryLimitSource;

    fn used(percent: u64) -> MemoryReading {
        MemoryReading {
            limit_bytes: 1000 * UNIT_BYTES,
            used_bytes: percent * 10 * UNIT_BYTES,
            resident_bytes: 0,
            source: MemoryLimitSource::Setting,
        }
    }

    /// Sets units aside without waiting.
    async fn reserve(guard: &MemoryGuard, units: u64) -> Option<Reservation> {
        guard.reserve(units * UNIT_BYTES, Duration::ZERO).await
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

    #[tokio::test]
    async fn no_more_is_promised_than_there_is() {
        let settings = MemoryGuardSettings { base_bytes: 450 * UNIT_BYTES, ..MemoryGuardSettings::default() };
        let guard = MemoryGuard::new(settings);
        guard.observe(used(0));
        assert_eq!(guard.statistics().reservable_bytes, 400 * UNIT_BYTES);
        let first = reserve(&guard, 300).await.unwrap();
        assert!(reserve(&guard, 101).await.is_none());
        let second = reserve(&guard, 100).await.unwrap();
        assert_eq!(guard.statistics().reserved_bytes, 400 * UNIT_BYTES);
        drop(first);
        assert!(reserve(&guard, 300).await.is_some());
        drop(second);
        assert_eq!(guard.statistics().reserved_bytes, 0);
    }

    #[tokio::test]
    async fn what_more_is_needed_is_reserved_at_once_or_not() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        guard.observe(used(0));
        let call = reserve(&guard, 500).await.unwrap();
        let more = guard.reserve_now(350 * UNIT_BYTES).unwrap();
        assert!(guard.reserve_now(1).is_none());
        drop((call, more));
        assert!(guard.reserve_now(851 * UNIT_BYTES).is_none());
        guard.observe(used(86));
        assert!(guard.reserve_now(1).is_none());
    }

    #[tokio::test]
    async fn a_request_that_is_alone_runs_however_much_it_may_need() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        guard.observe(used(0));
        let alone = reserve(&guard, 5000).await.unwrap();
        assert!(reserve(&guard, 1).await.is_none());
        drop(alone);
        assert!(reserve(&guard, 1).await.is_some());
    }

    #[tokio::test]
    async fn who_waits_for_much_is_not_overtaken_by_who_wants_little() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        guard.observe(used(0));
        let first = reserve(&guard, 500).await.unwrap();
        let mut large = Box::pin(guard.reserve(800 * UNIT_BYTES, Duration::from_mins(1)));
        assert!(futures::poll!(&mut large).is_pending());
        assert!(reserve(&guard, 10).await.is_none(), "there would be room for it alone");
        drop(first);
        assert!(large.await.is_some());
        assert!(reserve(&guard, 10).await.is_some());
    }

    #[tokio::test]
    async fn a_limit_that_changes_changes_what_can_be_set_aside() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        guard.observe(used(0));
        let held = reserve(&guard, 600).await.unwrap();
        guard.observe(MemoryReading { limit_bytes: 500 * UNIT_BYTES, ..used(0) });
        assert!(reserve(&guard, 1).await.is_none());
        drop(held);
        guard.observe(MemoryReading { limit_bytes: 500 * UNIT_BYTES, ..used(0) });
        assert_eq!(guard.statistics().reservable_bytes, 425 * UNIT_BYTES);
        guard.observe(used(0));
        assert_eq!((guard.statistics().reservable_bytes, guard.statistics().reserved_bytes), (850 * UNIT_BYTES, 0));
    }

    #[tokio::test]
    async fn what_is_measured_counts_whatever_was_promised() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        guard.observe(used(86));
        assert!(reserve(&guard, 1).await.is_none());
        guard.observe(used(20));
        assert!(reserve(&guard, 1).await.is_some());
        assert_eq!(guard.statistics().closings, 1);
    }

    #[tokio::test]
    async fn a_guard_that_knows_no_limit_lets_everything_through() {
        let guard = MemoryGuard::new(MemoryGuardSettings::default());
        assert!(reserve(&guard, 1 << 20).await.is_some());
        assert_eq!(guard.statistics().reading, None);
    }
}
