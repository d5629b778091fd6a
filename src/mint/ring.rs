//! The keys of a client: one signs, all are published.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde::Serialize;

use super::signer::Signer;
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::public_jwk::PublicJwk;
use crate::lock::lock;

/// The keys of a client: one signs, all are published. Clones share them. A signer converts into a
/// ring with that one key.
///
/// Register the public keys that [`jwks`](Self::jwks) returns, or serve them with
/// [`JwksService`](crate::mint::JwksService) at the `jwks_uri` of the client.
///
/// ```
/// use std::time::Duration;
///
/// use tower_client_assertion::clock::{ManualClock, UnixTime};
/// use tower_client_assertion::keys::KeySet;
/// use tower_client_assertion::mint::{KeyRing, SigningKey};
/// use tower_client_assertion::policy::Algorithm;
///
/// let clock = ManualClock::at(UnixTime::from_secs(1_700_000_000));
/// let key = || SigningKey::generate(Algorithm::ES256);
/// let ring = KeyRing::new(key()?).with_clock(clock.clone());
/// let published = || KeySet::parse(&ring.jwks()).map(|keys| keys.len());
///
/// let hour = Duration::from_secs(3600);
/// ring.rotate(key()?, hour)?;
/// // Servers can have both keys, and the old one signs for another hour.
/// assert_eq!(published()?, 2);
/// assert!(ring.rotate(key()?, hour).is_err());
/// // Then the new one signs, and an hour later the old one is no longer published.
/// clock.advance(2 * 3600);
/// assert_eq!(published()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    keys: ArcSwap<Vec<Key>>,
    /// What all minters of this ring can use. Held while the keys change.
    allowed: Mutex<AlgorithmSet>,
    clock: Arc<dyn Clock>,
    max_age: Duration,
}

/// A key and its times.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) signer: Arc<dyn Signer>,
    signs_from: UnixTime,
    published_until: Option<UnixTime>,
}

impl Key {
    fn is_published(&self, now: Option<UnixTime>) -> bool {
        let is_over = |until: UnixTime| now.is_some_and(|now| now >= until);
        !self.published_until.is_some_and(is_over)
    }

    fn key_id(&self) -> Option<&str> {
        self.signer.public_jwk().map(PublicJwk::key_id)
    }
}

impl<S: Signer> From<S> for KeyRing {
    fn from(signer: S) -> Self {
        Self::new(signer)
    }
}

impl KeyRing {
    /// Creates a ring with one key.
    pub fn new(signer: impl Signer) -> Self {
        let key = Key { signer: Arc::new(signer), signs_from: UnixTime::from_secs(0), published_until: None };
        Self(Arc::new(Inner {
            keys: ArcSwap::from_pointee(vec![key]),
            allowed: Mutex::new(AlgorithmSet::of(&Algorithm::ALL)),
            clock: Arc::new(SystemClock),
            max_age: Duration::from_secs(900),
        }))
    }

    /// Sets the clock that rotations go by, on a new ring with the same keys. Default:
    /// [`SystemClock`].
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|inner| inner.clock = Arc::new(clock))
    }

    /// Sets for how long servers may keep the published set, on a new ring with the same keys:
    /// `max-age` of [`JwksService`](crate::mint::JwksService). Default: 15 minutes. A fraction of a
    /// second is dropped.
    #[must_use]
    pub fn with_max_age(self, max_age: Duration) -> Self {
        self.with(|inner| inner.max_age = Duration::from_secs(max_age.as_secs()))
    }

    fn with(self, set: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Inner {
            keys: ArcSwap::new(self.0.keys.load_full()),
            allowed: Mutex::new(*lock(&self.0.allowed)),
            clock: Arc::clone(&self.0.clock),
            max_age: self.0.max_age,
        };
        set(&mut inner);
        Self(Arc::new(inner))
    }

    /// Publishes `next` immediately, and signs with it from `after` on: until then, each server can
    /// fetch the set. The key that signs now is published for as long again, and then dropped.
    ///
    /// If a key was stolen, [`replace`](Self::replace) it instead.
    ///
    /// # Errors
    ///
    /// Fails
    ///
    /// - if `after` is shorter than [`max_age`](Self::with_max_age): servers could still have the
    ///   old set.
    /// - if the next key of an earlier rotation does not sign yet.
    /// - if another key of the ring has the `kid` of `next`.
    /// - if a [`Minter`](crate::mint::Minter) of this ring has a policy that does not allow the
    ///   algorithm of `next`.
    /// - if the clock has no time.
    pub fn rotate(&self, next: impl Signer, after: Duration) -> Result<(), RotationError> {
        if after < self.0.max_age {
            return Err(RotationError::TooSoon { after, max_age: self.0.max_age });
        }
        let allowed = lock(&self.0.allowed);
        let now = self.0.clock.now().ok_or(RotationError::NoTime)?;
        let keys: Vec<Key> = self.published(Some(now));
        if let Some(pending) = keys.iter().find(|key| key.signs_from > now) {
            return Err(RotationError::Pending { until: pending.signs_from });
        }
        check_next(&keys, &next, *allowed)?;
        let signs_from = now + after;
        let ending = |key: Key| Key { published_until: key.published_until.or(Some(signs_from + after)), ..key };
        let next = Key { signer: Arc::new(next), signs_from, published_until: None };
        self.0.keys.store(Arc::new(keys.into_iter().map(ending).chain([next]).collect()));
        Ok(())
    }

    /// Signs with `next` immediately, and publishes no other key. Servers that have kept the old
    /// set refuse assertions until they fetch the new one.
    ///
    /// # Errors
    ///
    /// Fails if a [`Minter`](crate::mint::Minter) of this ring has a policy that does not allow the
    /// algorithm of `next`.
    pub fn replace(&self, next: impl Signer) -> Result<(), RotationError> {
        let allowed = lock(&self.0.allowed);
        check_next(&[], &next, *allowed)?;
        let key = Key { signer: Arc::new(next), signs_from: UnixTime::from_secs(0), published_until: None };
        self.0.keys.store(Arc::new(vec![key]));
        drop(allowed);
        Ok(())
    }

    /// Returns the JWK Set to register or to publish (RFC 7517, section 5). It has no private key
    /// and no secret.
    pub fn jwks(&self) -> Bytes {
        #[derive(Serialize)]
        struct JwkSet<'a> {
            keys: Vec<&'a PublicJwk>,
        }
        let keys = self.published(self.0.clock.now());
        let set = JwkSet { keys: keys.iter().filter_map(|key| key.signer.public_jwk()).collect() };
        // Nothing of this type fails to serialize.
        serde_json::to_vec(&set).unwrap_or_default().into()
    }

    /// Returns for how long servers may keep the published set.
    pub fn max_age(&self) -> Duration {
        self.0.max_age
    }

    fn published(&self, now: Option<UnixTime>) -> Vec<Key> {
        self.0.keys.load().iter().filter(|key| key.is_published(now)).cloned().collect()
    }

    /// Returns the signer of this moment. While the clock has no time, it is the one that needs
    /// none.
    pub(super) fn signer(&self) -> Option<Arc<dyn Signer>> {
        let keys = self.0.keys.load();
        let key = match keys.as_slice() {
            [only] => Some(only),
            several => {
                let now = self.0.clock.now().unwrap_or(UnixTime::from_secs(0));
                several.iter().rev().find(|key| key.signs_from <= now).or(several.first())
            }
        };
        key.map(|key| Arc::clone(&key.signer))
    }

    /// Every signer that may sign from now on.
    pub(super) fn signers(&self) -> Vec<Arc<dyn Signer>> {
        self.0.keys.load().iter().map(|key| Arc::clone(&key.signer)).collect()
    }

    /// From now on, only keys for these algorithms can be added.
    pub(super) fn restrict(&self, algorithms: AlgorithmSet) {
        let mut allowed = lock(&self.0.allowed);
        *allowed = allowed.intersection(algorithms);
    }
}

fn check_next(keys: &[Key], next: &impl Signer, allowed: AlgorithmSet) -> Result<(), RotationError> {
    let algorithm = next.algorithm();
    if !allowed.contains(algorithm) {
        return Err(RotationError::Algorithm { algorithm, allowed });
    }
    let key_id = match next.public_jwk() {
        Some(key) if key.algorithm() == algorithm && !algorithm.is_mac() => key.key_id(),
        None if algorithm.is_mac() => return Ok(()),
        _ => return Err(RotationError::PublicKey { algorithm }),
    };
    match keys.iter().any(|key| key.key_id() == Some(key_id)) {
        true => Err(RotationError::KeyId { key_id: key_id.to_owned() }),
        false => Ok(()),
    }
}

/// Shows algorithm and `kid` of each key.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.keys.load();
        f.debug_list().entries(keys.iter().map(|key| (key.signer.algorithm(), key.key_id()))).finish()
    }
}

/// A key that was not added to a [`KeyRing`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationError {
    /// Servers could still have a set without the next key when it signs.
    #[non_exhaustive]
    TooSoon {
        /// When the next key would sign.
        after: Duration,
        /// For how long servers may keep a set.
        max_age: Duration,
    },
    /// The next key of an earlier rotation does not sign yet.
    #[non_exhaustive]
    Pending {
        /// When it signs.
        until: UnixTime,
    },
    /// A minter of the ring cannot use the algorithm.
    #[non_exhaustive]
    Algorithm {
        /// The algorithm of the key.
        algorithm: Algorithm,
        /// What all minters of the ring can use.
        allowed: AlgorithmSet,
    },
    /// The signer publishes a key for another algorithm, or has no key to publish and no secret.
    #[non_exhaustive]
    PublicKey {
        /// The algorithm of the signer.
        algorithm: Algorithm,
    },
    /// Another key of the ring has this `kid`.
    #[non_exhaustive]
    KeyId {
        /// The `kid`.
        key_id: String,
    },
    /// The clock has no time.
    NoTime,
}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSoon { after, max_age } => {
                write!(f, "servers may keep the published keys for {max_age:?}; rotate after that, not after {after:?}")
            }
            Self::Pending { until } => {
                write!(f, "the key of an earlier rotation signs from {} on; wait until then", until.as_secs())
            }
            Self::Algorithm { algorithm, allowed } => {
                write!(f, "the policy of a minter does not allow {algorithm}; use a key for one of {allowed}")
            }
            Self::PublicKey { algorithm } => write!(f, "a signer for {algorithm} has no public key for {algorithm}"),
            Self::KeyId { key_id } => write!(f, "another key has the kid {key_id:?}; give each key its own"),
            Self::NoTime => f.write_str("the clock has no time"),
        }
    }
}

impl Error for RotationError {}
