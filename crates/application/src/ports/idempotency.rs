//! The port to answers that are kept with the writes that they answer, so that a repeated call gets the first answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eider_domain::{Schema, Timestamp};

use crate::{StoreError, WriteReceipt};

/// Finds the answers that writes kept: [`crate::CommitTerms::answer`], [`crate::Change::Create`].
#[async_trait]
pub trait KeptAnswers: fmt::Debug + Send + Sync + 'static {
    /// The answer that a write kept under a key, if it was given at `since` or later.
    ///
    /// # Errors
    /// As [`crate::RecordReader::scan`].
    async fn kept_answer(
        &self,
        schema: &Arc<Schema>,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeptAnswer>, StoreError>;
}

/// How long an answer is kept.
pub const ANSWER_LIFETIME: Duration = Duration::from_hours(24);

/// An answer that is stored with the write that it answers, so that a repeat of the call gets it again.
#[derive(Clone)]
pub struct AnswerToKeep {
    /// What the client calls the write.
    pub key: String,
    /// Tells this call from another under the same key.
    pub fingerprint: String,
    /// When it was given.
    pub at: Timestamp,
    /// Makes the answer of the receipt. Called again when the write has to be tried again.
    pub render: Arc<dyn Fn(&WriteReceipt) -> String + Send + Sync>,
}

impl fmt::Debug for AnswerToKeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerToKeep").field("at", &self.at).finish_non_exhaustive()
    }
}

/// An answer that was stored with its write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Tells the call that was answered from another under the same key.
    pub fingerprint: String,
    /// When it was given.
    pub at: Timestamp,
    /// The answer.
    pub text: String,
}
