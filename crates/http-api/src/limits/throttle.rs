//! How often a client may ask, and how often it may send a wrong key.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use eider_application::ports::KeyId;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;

use crate::HttpSettings;
use crate::error::ApiError;

/// `draft-ietf-httpapi-ratelimit-headers`.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Clients of which each has a bucket of its own; those beyond share one until others are idle.
const MAX_BUCKETS: usize = 65_536;
/// Wrong keys of one address that are looked at at once, and then each second.
const FAILURES: (NonZeroU32, NonZeroU32) = (NonZeroU32::new(100).unwrap(), NonZeroU32::new(10).unwrap());
/// How long an address that sent more wrong keys than that is not listened to.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);
/// How long an address is remembered for a right key.
const TRUST: Duration = Duration::from_mins(10);
/// Addresses that are remembered at most, for wrong keys and for right ones.
const MAX_REMEMBERED: u64 = 65_536;

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// Who has a key.
    Key(KeyId),
    /// An IPv4 address, or the first 64 bits of an IPv6 address.
    Address(IpAddr),
    /// Everybody for whom there is no room.
    Others,
}

impl Client {
    pub(crate) fn of_address(address: Option<SocketAddr>) -> Self {
        match address.map(|address| address.ip().to_canonical()) {
            None => Self::Others,
            Some(IpAddr::V6(address)) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Self::Address(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
            Some(address) => Self::Address(address),
        }
    }
}

type Requests = RateLimiter<Client, DashMapStateStore<Client>, DefaultClock, StateInformationMiddleware>;

/// Token buckets.
pub(crate) struct Throttle {
    requests: Option<Rate>,
    failures: DefaultKeyedRateLimiter<Client>,
    paused: Cache<Client, ()>,
    /// Keys that were right, by their hashes: the id alone is known to more than its owner.
    trusted: Cache<(Client, u64), ()>,
    hasher: RandomState,
}

struct Rate {
    buckets: Requests,
    per_second: u32,
    burst: u32,
    policy: HeaderValue,
}

impl Throttle {
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        let (burst, per_second) = FAILURES;
        Self {
            requests: Rate::new(settings.requests_per_second, settings.request_burst),
            failures: RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)),
            paused: Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(PAUSE).build(),
            trusted: Cache::builder().max_capacity(MAX_REMEMBERED).time_to_idle(TRUST).build(),
            hasher: RandomState::new(),
        }
    }

    /// Counts a request; `None` when requests are not counted.
    pub(crate) fn count(&self, client: Client) -> Option<Counted<'_>> {
        let rate = self.requests.as_ref()?;
        let client = if has_no_room(client, rate.buckets.len()) { Client::Others } else { client };
        let (remaining, refused) = match rate.buckets.check_key(&client) {
            Ok(snapshot) => (snapshot.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(rate.buckets.clock().now()))),
        };
        Some(Counted { rate, remaining, refused })
    }

    /// Whether a key is looked at: the address has not sent too many wrong ones, or has sent this one when it was
    /// right.
    ///
    /// # Errors
    /// 429.
    pub(crate) fn check_attempt(&self, address: &Client, key: &str) -> Result<(), ApiError> {
        let is_trusted = || self.trusted.contains_key(&(*address, self.hasher.hash_one(key)));
        if self.paused.contains_key(address) && !is_trusted() {
            return Err(ApiError::rate_limited(PAUSE));
        }
        Ok(())
    }

    /// A right key came from the address.
    pub(crate) fn succeeded(&self, address: &Client, key: &str) {
        let trusted = (*address, self.hasher.hash_one(key));
        // Reading it, not asking whether it is there, keeps it.
        if self.trusted.get(&trusted).is_none() {
            self.trusted.insert(trusted, ());
        }
    }

    /// A wrong key came from the address.
    pub(crate) fn failed(&self, address: &Client) {
        let bucket = if has_no_room(*address, self.failures.len()) { Client::Others } else { *address };
        if self.failures.check_key(&bucket).is_err() {
            self.paused.insert(*address, ());
        }
    }

    /// Forgets the clients whose buckets are full again.
    pub(crate) fn sweep(&self) {
        if let Some(rate) = &self.requests {
            rate.buckets.retain_recent();
        }
        self.failures.retain_recent();
    }
}

/// Whether a client is one of those who share a bucket. Keys are as many as somebody made; addresses are as many as
/// somebody sends from.
fn has_no_room(client: Client, buckets: usize) -> bool {
    matches!(client, Client::Address(_)) && buckets >= MAX_BUCKETS
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let policy = self.requests.as_ref().map(|rate| &rate.policy);
        f.debug_struct("Throttle").field("policy", &policy).finish_non_exhaustive()
    }
}

impl Rate {
    /// `None` for 0 requests a second. A burst of 0 is as many as come in a second.
    fn new(per_second: u32, burst: u32) -> Option<Self> {
        let per_second = NonZeroU32::new(per_second)?;
        let burst = NonZeroU32::new(burst).unwrap_or(per_second);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let buckets = RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>();
        let window = burst.get().div_ceil(per_second.get());
        let policy = HeaderValue::from_str(&format!("\"default\";q={burst};w={window}")).ok()?;
        Some(Self { buckets, per_second: per_second.get(), burst: burst.get(), policy })
    }
}

/// What a request found in the bucket of its client.
pub(crate) struct Counted<'t> {
    rate: &'t Rate,
    remaining: u32,
    /// How long to wait, when the bucket was empty.
    pub(crate) refused: Option<Duration>,
}

impl Counted<'_> {
    /// Says in an answer how many requests are left, and after how many seconds the bucket is full.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let seconds = (self.rate.burst - self.remaining).div_ceil(self.rate.per_second);
        let left = format!("\"default\";r={};t={seconds}", self.remaining);
        headers.insert(RATE_LIMIT_POLICY, self.rate.policy.clone());
        if let Ok(left) = HeaderValue::from_str(&left) {
            headers.insert(RATE_LIMIT, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Client {
        Client::of_address(Some(SocketAddr::new(text.parse().unwrap(), 1)))
    }

    #[test]
    fn an_address_of_ipv6_is_its_network() {
        assert_eq!(address("2001:db8:1:2:3::4"), address("2001:db8:1:2:ffff::"));
        assert_ne!(address("2001:db8:1:2::"), address("2001:db8:1:3::"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }

    #[test]
    fn a_bucket_is_emptied_by_its_client_alone() {
        let settings = HttpSettings { requests_per_second: 1, request_burst: 3, ..HttpSettings::default() };
        let throttle = Throttle::new(&settings);
        let asked = |client| throttle.count(client).unwrap();
        let left: Vec<u32> = (0..3).map(|_| asked(address("192.0.2.1")).remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = asked(address("192.0.2.1"));
        assert!(refused.refused.is_some_and(|wait| wait <= Duration::from_secs(1)), "{:?}", refused.refused);
        let mut headers = HeaderMap::new();
        refused.write(&mut headers);
        assert_eq!(headers.get("ratelimit").unwrap(), "\"default\";r=0;t=3");
        assert_eq!(headers.get("ratelimit-policy").unwrap(), "\"default\";q=3;w=3");
        assert!(asked(address("192.0.2.2")).refused.is_none());
        assert!(Throttle::new(&HttpSettings::default()).count(Client::Others).is_none(), "off unless asked for");
    }

    #[test]
    fn addresses_beyond_those_that_there_is_room_for_share_a_bucket() {
        let settings = HttpSettings { requests_per_second: 1, request_burst: 2, ..HttpSettings::default() };
        let throttle = Throttle::new(&settings);
        let nth = |n: usize| Client::Address(IpAddr::from(u32::try_from(n).unwrap().to_be_bytes()));
        for n in 0..MAX_BUCKETS {
            assert_eq!(throttle.count(nth(n)).unwrap().remaining, 1);
        }
        let left: Vec<u32> = (0..2).map(|n| throttle.count(nth(MAX_BUCKETS + n)).unwrap().remaining).collect();
        assert_eq!(left, [1, 0]);
        let buckets = throttle.requests.as_ref().unwrap().buckets.len();
        assert!(buckets <= MAX_BUCKETS + 1, "{buckets}");
        let key = KeyId::parse("0123456789ab").unwrap();
        assert_eq!(throttle.count(Client::Key(key)).unwrap().remaining, 1, "a key has a bucket of its own in any case");
    }

    #[test]
    fn an_address_that_sends_wrong_keys_is_not_listened_to_but_for_keys_that_were_right() {
        let throttle = Throttle::new(&HttpSettings::default());
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let right = "eider_0123456789ab_secret";
        throttle.succeeded(&one, right);
        let failures = FAILURES.0.get() + 10;
        for _ in 0..failures {
            throttle.failed(&one);
        }
        for wrong in ["eider_ba9876543210_secret", "eider_0123456789ab_Secret", "no key at all"] {
            assert!(throttle.check_attempt(&one, wrong).is_err(), "{wrong}");
            assert!(throttle.check_attempt(&other, wrong).is_ok(), "{wrong}");
        }
        assert!(throttle.check_attempt(&one, right).is_ok());
    }
}
