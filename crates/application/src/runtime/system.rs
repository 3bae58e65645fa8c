//! The real clock, the real source of ids, and the real disk.

mod digest;
mod key_file;
mod reports;

pub use digest::DigestFile;
pub use key_file::{FileStamp, KeyFile, KeyFileError};
pub use reports::FileReports;

use std::sync::{Mutex, PoisonError};

use eider_domain::{RecordId, Timestamp};
use uuid::{ContextV7, Uuid};

use crate::ports::{Clock, IdGenerator};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the time is read")]
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
    }
}

/// `UUIDv7` (RFC 9562, section 6.2, method 1): milliseconds, a counter that keeps ids of one process increasing,
/// and random bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidV7Generator;

impl IdGenerator for UuidV7Generator {
    fn next_ids(&self, count: usize) -> Vec<RecordId> {
        static SEQUENCE: Mutex<ContextV7> = Mutex::new(ContextV7::new());
        let sequence = SEQUENCE.lock().unwrap_or_else(PoisonError::into_inner);
        // Reading the clock takes longer than all the rest of an id.
        let micros = SystemClock.now().as_micros().unsigned_abs();
        let (seconds, nanos) = (micros / 1_000_000, u32::try_from(micros % 1_000_000 * 1_000).unwrap_or_default());
        let next = || Uuid::new_v7(uuid::Timestamp::from_unix(&*sequence, seconds, nanos));
        std::iter::repeat_with(|| RecordId::new(next())).take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_within_a_call_and_from_one_to_the_next() {
        let ids: Vec<RecordId> = (0..50).flat_map(|_| UuidV7Generator.next_ids(1_000)).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        let now = SystemClock.now().as_micros().unsigned_abs() / 1_000;
        let (seconds, nanos) = ids[0].as_uuid().get_timestamp().unwrap().to_unix();
        assert!(now - (seconds * 1_000 + u64::from(nanos) / 1_000_000) < 60_000);
    }
}
