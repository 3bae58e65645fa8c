//! What a client is told about a bulk write.

use eider_domain::Violation;
use serde::Serialize;

use crate::Durability;

/// The account of a bulk write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BulkReceipt {
    /// Records in the body.
    pub received: u64,
    /// Records stored as new.
    pub created: u64,
    /// Stored records that were replaced.
    pub updated: u64,
    /// Records passed over because their key is stored.
    pub ignored: u64,
    /// Records refused.
    pub failed: u64,
    /// Number of the commit within the schema; `null` when nothing was stored.
    pub commit_seq: Option<u64>,
    /// What the acknowledgement is worth: `fsync` or `memory`.
    pub durability: &'static str,
    /// Whether this is the receipt of an earlier call.
    pub replayed: bool,
    /// From the first byte of the body to the commit, in milliseconds.
    pub elapsed_ms: f64,
    /// Whether there were more failures than `failures` names.
    pub failures_truncated: bool,
    /// What was wrong, ordered by line.
    pub failures: Vec<Violation>,
}

/// How a bulk write ended.
#[derive(Debug, Clone, PartialEq)]
pub enum BulkOutcome {
    /// Every record is stored.
    Stored(BulkReceipt),
    /// At least one record was refused, and nothing is stored.
    Refused(BulkReceipt),
}

impl Durability {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::Memory => "memory",
        }
    }
}
