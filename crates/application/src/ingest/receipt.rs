//! What a client is told about a bulk write.

use std::time::Instant;

use eider_domain::Violation;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::failures::NamedFailures;
use super::names::{IgnoredName, RenamedName};
use super::warnings::WarningCount;
use crate::Error;
use crate::ports::{StoreError, StoreErrorKind, WriteReceipt};

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
    /// Whether everything was only checked.
    #[serde(rename = "dry_run", skip_serializing_if = "std::ops::Not::not")]
    pub is_dry_run: bool,
    /// Whether this is the receipt of an earlier call.
    pub replayed: bool,
    /// From the first byte of the body to the commit, in milliseconds.
    pub elapsed_ms: f64,
    /// Whether there were more failures than `failures` names.
    pub failures_truncated: bool,
    /// What was wrong, ordered by line.
    pub failures: Vec<Violation>,
    /// What accepted records lack that they should have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<WarningCount>,
    /// Names in the body whose values went to properties called otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<RenamedName>,
    /// Names in the body whose values were passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_names: Vec<IgnoredName>,
    /// Where all failures can be read, when `failures` does not name them all; see
    /// [`crate::RecordService::failure_report`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_id: Option<Uuid>,
    /// The ids of the stored records, in the order of the body, when they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<Uuid>>,
}

impl BulkReceipt {
    /// Takes over what the store did.
    pub(super) fn record(&mut self, written: &WriteReceipt, returns_ids: bool) {
        self.created = written.created;
        self.updated = written.updated;
        self.ignored = written.ignored;
        self.failed += written.refused;
        self.commit_seq = written.commit_seq;
        self.warnings.extend(written.shared.iter().map(|key| WarningCount::of_key(&key.fields, key.records)));
        self.ids = returns_ids.then(|| written.ids.iter().map(|id| *id.as_uuid()).collect());
    }

    /// Names what was wrong.
    pub(super) fn name_failures(&mut self, failures: NamedFailures) {
        self.failures_truncated = failures.are_truncated;
        self.failures = failures.named;
        self.import_id = failures.report;
    }

    /// Notes the time.
    pub(super) fn settle(&mut self, started: Instant) {
        self.elapsed_ms = (started.elapsed().as_secs_f64() * 1e4).round() / 10.0;
    }
}

/// A receipt as it is kept for a repeat of its call.
#[derive(Debug)]
pub(super) struct KeptReceipt;

impl KeptReceipt {
    /// The receipt of a kept text.
    ///
    /// # Errors
    /// `Corrupt` when it is not one.
    pub(super) fn replay(text: &str) -> Result<BulkOutcome, Error> {
        let damaged = || StoreError::new(StoreErrorKind::Corrupt, "a kept receipt cannot be read");
        let mut receipt: Map<String, Json> =
            serde_json::from_str(text).map_err(|error| damaged().with_source(error))?;
        let failed = receipt.get("failed").and_then(Json::as_u64).ok_or_else(damaged)?;
        receipt.insert("replayed".to_owned(), Json::Bool(true));
        Ok(BulkOutcome::Replayed { is_partial: failed > 0, receipt: Json::Object(receipt) })
    }
}

/// The members of the JSON object that an answer is.
pub(super) fn members_of(answer: &impl Serialize) -> Map<String, Json> {
    match serde_json::to_value(answer) {
        Ok(Json::Object(members)) => members,
        // Structures of numbers and texts: this does not happen.
        Ok(_) | Err(_) => Map::new(),
    }
}

/// How a bulk write ended.
#[derive(Debug, Clone, PartialEq)]
pub enum BulkOutcome {
    /// Every record is stored, or would have been.
    Stored(BulkReceipt),
    /// Some records were refused, and the others are stored, or would have been.
    PartlyStored(BulkReceipt),
    /// Nothing is stored.
    Refused(BulkReceipt),
    /// The call was answered before; nothing was stored again.
    Replayed {
        /// Whether some records were refused then.
        is_partial: bool,
        /// The receipt that was given then.
        receipt: Json,
    },
}
