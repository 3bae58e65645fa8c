//! Keys of clients: who sends one, and what its client may do.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use eider_domain::{Grant, SchemaName, Timestamp, Verb};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::ports::key_id::{ID_BYTES, PREFIX, hexadecimal, parts};
use crate::ports::{Clock, KeyId};

/// Bytes of a key that nobody can guess.
const SECRET_BYTES: usize = 32;
/// What a secret is compared with when there is no key of its id. No secret has it as its digest.
const NO_DIGEST: [u8; 32] = [0; 32];

/// A key as it is kept: everything but its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is called in logs and by those who revoke it.
    pub id: KeyId,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// What its client may do.
    pub grant: Grant,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
}

impl ApiKey {
    /// Bytes of randomness that a key is made of.
    pub const ENTROPY_BYTES: usize = ID_BYTES + SECRET_BYTES;

    /// A new key, and the text that its client sends, which is kept nowhere.
    pub fn issue(
        name: String,
        grant: Grant,
        entropy: &[u8; Self::ENTROPY_BYTES],
        created_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> (Self, String) {
        let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
        let (first, rest) = entropy.split_at(ID_BYTES);
        id.copy_from_slice(first);
        secret.copy_from_slice(rest);
        let (id, secret) = (KeyId(id), hexadecimal(&secret));
        let (text, digest) = (format!("{PREFIX}{id}_{secret}"), digest_of(&secret));
        (Self { id, name, grant, created_at, expires_at, revoked_at: None, digest }, text)
    }

    /// Whether it is neither revoked nor expired.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

fn digest_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// The text is not a key that is valid now. Says no more, so that nobody learns why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no valid key")]
pub struct Unauthorized;

/// Who makes a request.
#[derive(Debug, Clone)]
pub struct Principal(Identity);

#[derive(Debug, Clone)]
enum Identity {
    /// Whoever it is, where no keys are asked for: everything is allowed.
    Anyone,
    /// The client with this key.
    Key(Arc<ApiKey>),
    /// A client without a key, where keys are asked for: nothing is allowed.
    Stranger,
}

impl Principal {
    /// Whoever it is, where no keys are asked for.
    pub fn anyone() -> Self {
        Self(Identity::Anyone)
    }

    /// A client without a key, where keys are asked for and one may do without.
    pub fn stranger() -> Self {
        Self(Identity::Stranger)
    }

    /// The id of the key that was sent; `None` where no keys are asked for.
    pub fn key_id(&self) -> Option<KeyId> {
        match &self.0 {
            Identity::Key(key) => Some(key.id),
            Identity::Anyone | Identity::Stranger => None,
        }
    }

    /// Whether the verb may be done to at least one schema that there might be.
    pub fn has(&self, verb: Verb) -> bool {
        self.is_allowed(|key| key.grant.has(verb))
    }

    /// Whether the verb may be done to the schema.
    pub fn may(&self, verb: Verb, schema: &SchemaName) -> bool {
        self.is_allowed(|key| key.grant.allows(verb, schema))
    }

    fn is_allowed(&self, by_key: impl FnOnce(&ApiKey) -> bool) -> bool {
        match &self.0 {
            Identity::Anyone => true,
            Identity::Key(key) => by_key(key),
            Identity::Stranger => false,
        }
    }
}

/// The keys that hold now. Clones share them.
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// By their ids; `None` where no keys are asked for.
    keys: Arc<ArcSwapOption<HashMap<KeyId, Arc<ApiKey>>>>,
    clock: Arc<dyn Clock>,
}

impl KeyRing {
    /// A ring without keys, which asks for none.
    pub fn open(clock: Arc<dyn Clock>) -> Self {
        Self { keys: Arc::default(), clock }
    }

    /// Puts these keys in the place of those before. From now on keys are asked for, even if there are none.
    pub fn replace(&self, keys: Vec<ApiKey>) {
        let keys = keys.into_iter().map(|key| (key.id, Arc::new(key))).collect();
        self.keys.store(Some(Arc::new(keys)));
    }

    /// Whether keys are asked for.
    pub fn is_enforced(&self) -> bool {
        self.keys.load().is_some()
    }

    /// Whether a key is valid now.
    pub fn has_valid_key(&self) -> bool {
        let now = self.clock.now();
        self.keys.load().as_ref().is_some_and(|keys| keys.values().any(|key| key.is_valid_at(now)))
    }

    /// Who sends a text as a key. Takes the same steps whether the id, the secret or the time is wrong.
    ///
    /// # Errors
    /// [`Unauthorized`] when keys are asked for and this is none that is valid.
    pub fn authenticate(&self, sent: Option<&str>) -> Result<Principal, Unauthorized> {
        let keys = self.keys.load();
        let Some(keys) = keys.as_ref() else { return Ok(Principal::anyone()) };
        let sent = sent.ok_or(Unauthorized)?;
        let key = find(keys, sent, self.clock.now(), digest_of, |one, other| one.ct_eq(other));
        key.map(|key| Principal(Identity::Key(key))).ok_or(Unauthorized)
    }
}

/// The valid key of a text: always one digest and one comparison.
fn find(
    keys: &HashMap<KeyId, Arc<ApiKey>>,
    sent: &str,
    now: Timestamp,
    digest: impl FnOnce(&str) -> [u8; 32],
    compare: impl FnOnce(&[u8; 32], &[u8; 32]) -> Choice,
) -> Option<Arc<ApiKey>> {
    let (id, secret) = parts(sent);
    let known = KeyId::parse(id).and_then(|id| keys.get(&id));
    let is_same = bool::from(compare(&digest(secret), known.map_or(&NO_DIGEST, |key| &key.digest)));
    known.filter(|key| key.is_valid_at(now) && is_same).cloned()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_micros(1_000)
    }

    fn issue(seed: u8, expires_at: Option<i64>) -> (ApiKey, String) {
        let expires_at = expires_at.map(Timestamp::from_micros);
        ApiKey::issue("test".to_owned(), Grant::everything(), &[seed; ApiKey::ENTROPY_BYTES], now(), expires_at)
    }

    #[derive(Debug)]
    struct StoppedClock;

    impl Clock for StoppedClock {
        fn now(&self) -> Timestamp {
            now()
        }
    }

    fn ring(keys: Vec<ApiKey>) -> KeyRing {
        let ring = KeyRing::open(Arc::new(StoppedClock));
        ring.replace(keys);
        ring
    }

    #[test]
    fn a_key_is_found_by_its_text_and_keeps_no_secret() {
        let (key, text) = issue(0xab, None);
        let secret = "ab".repeat(SECRET_BYTES);
        assert_eq!(text, format!("eider_{}_{secret}", "ab".repeat(ID_BYTES)));
        assert_eq!(key.id.to_string(), "ab".repeat(ID_BYTES));
        assert!(!format!("{key:?}").contains(&secret) && key.digest != [0xab; 32]);
        let principal = ring(vec![key.clone()]).authenticate(Some(&text)).unwrap();
        assert_eq!(principal.key_id(), Some(key.id));
    }

    #[test]
    fn a_ring_asks_for_keys_from_the_first_on_and_then_always() {
        let ring = KeyRing::open(Arc::new(StoppedClock));
        assert!(ring.authenticate(None).unwrap().has(Verb::Admin) && !ring.is_enforced());
        let (key, text) = issue(1, None);
        ring.replace(vec![key]);
        assert_eq!(ring.authenticate(None).unwrap_err(), Unauthorized);
        assert!(ring.authenticate(Some(&text)).is_ok() && ring.has_valid_key());
        ring.replace(Vec::new());
        assert_eq!(ring.authenticate(Some(&text)).unwrap_err(), Unauthorized);
        assert!(ring.is_enforced() && !ring.has_valid_key());
    }

    /// Every way to be wrong, beside a key that is right.
    fn attempts() -> (Vec<ApiKey>, String, Vec<(&'static str, String)>) {
        let (right, text) = issue(1, Some(1_001));
        let (expired, expired_text) = issue(2, Some(1_000));
        let (mut revoked, revoked_text) = issue(3, None);
        revoked.revoked_at = Some(now());
        let (_, unknown) = issue(4, None);
        let mut wrong = text.clone();
        wrong.replace_range(text.len() - 1.., "0");
        let attempts =
            [("wrong secret", wrong), ("unknown", unknown), ("expired", expired_text), ("revoked", revoked_text)];
        (vec![right, expired, revoked], text, attempts.into())
    }

    #[test]
    fn a_key_that_is_wrong_in_any_way_is_refused() {
        let (keys, right, attempts) = attempts();
        let ring = ring(keys);
        assert!(ring.authenticate(Some(&right)).is_ok());
        let no_keys = ["", "eider_", "eider__", "eider_010101010101", &right[1..], &right[..right.len() - 1]];
        for text in attempts.iter().map(|(_, text)| text.as_str()).chain(no_keys) {
            assert_eq!(ring.authenticate(Some(text)).unwrap_err(), Unauthorized, "{text}");
        }
    }

    /// What takes the same steps takes the same time.
    #[test]
    fn every_attempt_is_one_digest_of_as_many_bytes_and_one_comparison() {
        let (keys, right, mut attempts) = attempts();
        attempts.push(("right", right));
        let keys: HashMap<_, _> = keys.into_iter().map(|key| (key.id, Arc::new(key))).collect();
        for (which, text) in attempts {
            let (digested, compared) = (Cell::new(0), Cell::new(0));
            let digest = |secret: &str| {
                digested.set(secret.len());
                digest_of(secret)
            };
            let compare = |one: &[u8; 32], other: &[u8; 32]| {
                compared.set(one.len() + other.len());
                one.ct_eq(other)
            };
            let found = find(&keys, &text, now(), digest, compare);
            assert_eq!((digested.get(), compared.get()), (2 * SECRET_BYTES, 64), "{which}");
            assert_eq!(found.is_some(), which == "right", "{which}");
        }
    }
}
