//! Changes of single records.

use arrow_array::RecordBatch;
use eider_domain::{Field, RecordId, Version};

use crate::ports::{AnswerToKeep, IdOrigin, KeyConflict};

/// A change of one record.
#[derive(Debug, Clone)]
pub enum Change {
    /// Stores a new record.
    Create {
        /// The record: one row with the columns of [`eider_domain::Schema::arrow`], valid.
        record: RecordBatch,
        /// Where its id came from.
        ids: IdOrigin,
        /// An answer to be stored in the same transaction, if the record is.
        answer: Option<Box<AnswerToKeep>>,
    },
    /// Replaces the record of the same id.
    Replace {
        /// The whole new record: one row, with the next version.
        record: RecordBatch,
        /// The version that it replaces.
        expected: Version,
    },
    /// Deletes a record.
    Delete {
        /// Which.
        id: RecordId,
        /// The version that it must have; any when `None`.
        expected: Option<Version>,
    },
}

/// What a commit of changed or deleted records did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitReceipt {
    /// Records written or deleted.
    pub rows: u64,
    /// Number of the commit within its schema: the position of its last record in commit order, and greater
    /// than that of every commit before it.
    pub commit_seq: u64,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is durable, in the commit of this number.
    Committed {
        /// Number of the commit within its schema.
        commit_seq: u64,
        /// The keys that the record shares with one before it, although it should not.
        shared: Vec<Vec<Field>>,
    },
    /// Its id or a unique value is taken; nothing was changed. `row` is 0 in each conflict.
    Conflict(Vec<KeyConflict>),
    /// There is no such record.
    Missing,
    /// The record has another version than expected.
    Stale,
}

/// How a deletion by filter ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The matching records are gone.
    Deleted(CommitReceipt),
    /// They are more than may be affected; nothing was deleted.
    TooMany {
        /// How many match.
        matching: u64,
    },
}

impl DeleteOutcome {
    /// How many records were deleted.
    pub fn deleted(&self) -> u64 {
        match self {
            Self::Deleted(receipt) => receipt.rows,
            Self::TooMany { .. } => 0,
        }
    }
}
