//! The real clock, the real source of ids, and the real disk.

mod digest;
mod keys;
mod reports;

pub use digest::DigestFile;
pub use keys::{FileStamp, KeyFile, KeyFileError};
pub use reports::FileReports;

use eider_domain::{RecordId, Timestamp};
use uuid::Uuid;

use crate::{Clock, IdGenerator};

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
    #[expect(clippy::disallowed_methods, reason = "the one place where ids are made")]
    fn next_ids(&self, count: usize) -> Vec<RecordId> {
        std::iter::repeat_with(|| RecordId::new(Uuid::now_v7())).take(count).collect()
    }
}
