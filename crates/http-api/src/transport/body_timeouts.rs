//! How long a body is waited for.

use std::time::Duration;

/// How long a body is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyTimeouts {
    /// How long it may pause.
    pub(crate) pause: Duration,
    /// What it must bring on average, in bytes a second, once it was waited for longer than a pause in all; 0 for nothing.
    pub(crate) min_rate: u64,
}

impl BodyTimeouts {
    /// How long to wait for the next piece, after so many bytes and so much waiting. The time in which a server does not
    /// ask is not the client's.
    pub(crate) fn left(self, received: u64, waited: Duration) -> Duration {
        if self.min_rate == 0 {
            return self.pause;
        }
        let earned = Duration::from_millis(received.saturating_mul(1000) / self.min_rate);
        self.pause.min((self.pause + earned).saturating_sub(waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_waited_for_as_long_as_it_brings_enough() {
        let seconds = Duration::from_secs;
        let timeouts = BodyTimeouts { pause: seconds(30), min_rate: 1024 };
        for (received, waited, left) in [(0, 0, 30), (0, 29, 1), (0, 31, 0), (1024, 30, 1), (1 << 30, 3600, 30)] {
            assert_eq!(timeouts.left(received, seconds(waited)), seconds(left), "{received} bytes in {waited} s");
        }
        assert_eq!(BodyTimeouts { min_rate: 0, ..timeouts }.left(0, seconds(3600)), seconds(30));
    }
}
