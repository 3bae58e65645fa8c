//! Ids that a test can foretell.

use std::sync::atomic::{AtomicU64, Ordering};

use eider_application::ports::IdGenerator;
use eider_domain::RecordId;
use uuid::Uuid;

/// Hands out [`SequentialIds::nth`] 1, 2, 3, …
#[derive(Debug, Default)]
pub struct SequentialIds {
    handed_out: AtomicU64,
}

impl SequentialIds {
    /// A generator that begins with number 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id of a number, shaped as a `UUIDv7`: `019c1392-fda0-7000-8000-000000000001` for 1.
    pub fn nth(number: u64) -> RecordId {
        const FIRST: u128 = 0x019c_1392_fda0_7000_8000_0000_0000_0000;
        RecordId::new(Uuid::from_u128(FIRST | u128::from(number)))
    }
}

impl IdGenerator for SequentialIds {
    fn next_ids(&self, count: usize) -> Vec<RecordId> {
        let first = self.handed_out.fetch_add(count as u64, Ordering::SeqCst) + 1;
        (first..).take(count).map(Self::nth).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_and_are_uuids_of_version_7() {
        let generator = SequentialIds::new();
        let ids = [generator.next_ids(2), generator.next_ids(0), generator.next_ids(1)].concat();
        assert_eq!(ids, [1, 2, 3].map(SequentialIds::nth));
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.as_uuid().get_version_num() == 7));
        assert_eq!(ids[0].to_string(), "019c1392-fda0-7000-8000-000000000001");
    }
}
