//! Distributions while they grow.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports::Distribution;

/// Upper bounds of times, in seconds: from a quarter of a millisecond to a minute.
pub const SECONDS: &[f64] =
    &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Upper bounds of numbers.
pub const NUMBERS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];

/// Counts values by their size; shared by threads.
#[derive(Debug)]
pub struct Recorder(Mutex<Distribution>);

impl Recorder {
    /// None so far, to be counted between these bounds, which ascend.
    pub fn new(bounds: &[f64]) -> Self {
        let buckets = bounds.iter().copied().chain([f64::INFINITY]).map(|bound| (bound, 0)).collect();
        Self(Mutex::new(Distribution { buckets, sum: 0.0 }))
    }

    /// Counts a value.
    pub fn record(&self, value: f64) {
        let mut distribution = self.lock();
        distribution.sum += value;
        let place = distribution.buckets.partition_point(|(bound, _)| *bound < value);
        if let Some((_, count)) = distribution.buckets.get_mut(place) {
            *count += 1;
        }
    }

    /// What was counted so far.
    pub fn distribution(&self) -> Distribution {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Distribution> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_below_the_first_bound_that_it_does_not_exceed() {
        let recorder = Recorder::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 2.0, 9.0] {
            recorder.record(value);
        }
        let distribution = recorder.distribution();
        assert_eq!(distribution.buckets, [(1.0, 2), (2.0, 2), (f64::INFINITY, 1)]);
        assert_eq!((distribution.count(), distribution.sum.to_bits()), (5, 14.0_f64.to_bits()));
    }
}
