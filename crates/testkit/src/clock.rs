//! A clock that stands still.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use eider_application::ports::Clock;
use eider_domain::{Timestamp, temporal};

/// 2026-01-31T08:15:00Z.
const START_MICROS: i64 = 1_769_847_300_000_000;

/// A clock that shows what a test sets; 2026-01-31T08:15:00Z at first.
#[derive(Debug)]
pub struct FixedClock {
    micros: AtomicI64,
}

impl FixedClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { micros: AtomicI64::new(now.as_micros()) }
    }

    /// A clock that shows an RFC 3339 instant.
    ///
    /// # Panics
    /// When the text is no instant.
    pub fn at(text: &str) -> Self {
        let micros = temporal::parse_datetime(text).expect("an RFC 3339 instant such as 2026-01-31T08:15:00Z");
        Self::new(Timestamp::from_micros(micros))
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.as_micros(), Ordering::SeqCst);
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self::new(Timestamp::from_micros(START_MICROS))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_only_when_it_is_told_to() {
        let clock = FixedClock::default();
        assert_eq!(clock.now(), FixedClock::at("2026-01-31T08:15:00Z").now());
        clock.advance(Duration::from_millis(1));
        assert_eq!(clock.now(), FixedClock::at("2026-01-31T08:15:00.001Z").now());
        clock.set(Timestamp::from_micros(7));
        assert_eq!(clock.now(), Timestamp::from_micros(7));
    }
}
