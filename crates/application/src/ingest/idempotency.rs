//! Calls that are made again under the same key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use eider_domain::Schema;
use sha2::{Digest, Sha256};

use super::failures::lock;
use super::{BodyFormat, BulkOptions};
use crate::Error;
use crate::ports::key_id::hexadecimal;

/// A call under an idempotency key, as long as it runs.
pub(super) struct Running {
    keys: Arc<Mutex<HashSet<(String, String)>>>,
    key: (String, String),
}

impl Running {
    /// Marks the key as in use until this is dropped.
    ///
    /// # Errors
    /// [`Error::IdempotencyInProgress`].
    pub(super) fn begin(
        keys: &Arc<Mutex<HashSet<(String, String)>>>,
        schema: &Schema,
        key: &str,
    ) -> Result<Self, Error> {
        let key = (schema.name().key(), key.to_owned());
        if !lock(keys).insert(key.clone()) {
            return Err(Error::IdempotencyInProgress);
        }
        Ok(Self { keys: Arc::clone(keys), key })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.keys).remove(&self.key);
    }
}

/// Tells one call from another: a digest of its options and its body.
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(super) fn new(format: BodyFormat, options: &BulkOptions) -> Self {
        let options = BulkOptions { idempotency_key: None, owner: None, ..options.clone() };
        Self(Sha256::new_with_prefix(format!("{format:?} {options:?}\n")))
    }

    /// Of the creation of one record.
    pub(super) fn of_creation(body: &[u8]) -> String {
        Self(Sha256::new_with_prefix("one record\n").chain_update(body)).finish()
    }

    pub(super) fn update(&mut self, block: &[u8]) {
        self.0.update(block);
    }

    pub(super) fn finish(self) -> String {
        hexadecimal(&self.0.finalize())
    }
}
