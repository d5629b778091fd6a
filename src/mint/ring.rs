//! The keys of a client: one signs, all are published.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde::Serialize;

use super::needs::{Misfit, Needs, judge_public_key};
use super::rotation_error::RotationError;
use super::signer::Signer;
use crate::clock::{Clock, SystemClock, UnixTime};
use crate::jose::keys::KeySet;
use crate::jose::public_jwk::PublicJwk;
use crate::lock::lock;

/// How much longer than [`max_age`](KeyRing::max_age) a set may be in use: the time of its
/// transfer, and caches that keep every set for a minute.
const MARGIN: Duration = Duration::from_secs(60);

/// Assertions are valid for an hour at most.
const LONGEST_ASSERTION: Duration = Duration::from_secs(3600);

const LONGEST_ROTATION: Duration = Duration::from_secs(30 * 24 * 3600);

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
/// use tower_client_assertion::mint::{KeyRing, SigningKey};
/// use tower_client_assertion::policy::Algorithm;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = ManualClock::at(UnixTime::from_secs(1_700_000_000));
/// let key = || SigningKey::generate(Algorithm::ES256);
/// let ring = KeyRing::builder(key()?).clock(clock.clone()).build();
///
/// let hour = Duration::from_secs(3600);
/// ring.rotate(key()?, hour)?;
/// // Servers can have both keys, and the old one signs for another hour.
/// assert_eq!(ring.key_set().len(), 2);
/// assert!(ring.rotate(key()?, hour).is_err());
/// // Then the new one signs, and an hour later the old one is dropped.
/// clock.advance(2 * 3600);
/// assert_eq!(ring.key_set().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    keys: ArcSwap<Vec<Key>>,
    /// The keys of other processes.
    others: Vec<PublicJwk>,
    /// The minters of this ring. Held while the keys change.
    minters: Mutex<Vec<Weak<Needs>>>,
    clock: Box<dyn Clock>,
    max_age: Duration,
}

/// A key and its times.
#[derive(Clone)]
struct Key {
    signer: Arc<dyn Signer>,
    signs_from: UnixTime,
    published_until: Option<UnixTime>,
}

impl Key {
    fn only(signer: impl Signer) -> Self {
        Self { signer: Arc::new(signer), signs_from: UnixTime::from_secs(0), published_until: None }
    }

    fn is_published(&self, now: Option<UnixTime>) -> bool {
        let is_over = |until: UnixTime| now.is_some_and(|now| now >= until);
        !self.published_until.is_some_and(is_over)
    }

    fn key_id(&self) -> Option<&str> {
        self.signer.public_jwk().map(PublicJwk::key_id)
    }
}

/// Builds a [`KeyRing`]. Created by [`KeyRing::builder`].
#[must_use]
pub struct KeyRingBuilder {
    key: Key,
    others: Vec<PublicJwk>,
    clock: Box<dyn Clock>,
    max_age: Duration,
}

impl KeyRingBuilder {
    /// Also publishes the key of another process of this client, or a key that will sign after the
    /// next start of this one.
    pub fn publish(mut self, key: PublicJwk) -> Self {
        self.others.push(key);
        self
    }

    /// Sets the clock that rotations go by. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Sets for how long servers may keep the published set: the `max-age` of
    /// [`JwksService`](crate::mint::JwksService). Default: 15 minutes. A fraction of a second is
    /// dropped.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Duration::from_secs(max_age.as_secs());
        self
    }

    /// Builds the ring.
    pub fn build(self) -> KeyRing {
        let Self { key, others, clock, max_age } = self;
        let keys = ArcSwap::from_pointee(vec![key]);
        KeyRing(Arc::new(Inner { keys, others, minters: Mutex::default(), clock, max_age }))
    }
}

impl fmt::Debug for KeyRingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRingBuilder").field("key", &self.key.key_id()).finish_non_exhaustive()
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
        Self::builder(signer).build()
    }

    /// Starts building a ring with one key.
    pub fn builder(signer: impl Signer) -> KeyRingBuilder {
        let (key, clock, max_age) = (Key::only(signer), Box::new(SystemClock), Duration::from_secs(900));
        KeyRingBuilder { key, others: Vec::new(), clock, max_age }
    }

    /// Publishes `next` immediately, and signs with it from `after` on: until then, each server can
    /// fetch the set. The key that signs now is published for as long again, and for an hour at
    /// least. Then it is dropped. An hour suits most servers.
    ///
    /// A rotation is lost when the process ends. If a key was stolen, [`replace`](Self::replace) it
    /// instead.
    ///
    /// # Errors
    ///
    /// Fails
    ///
    /// - if `after` is not at least a minute longer than the [`max_age`](KeyRingBuilder::max_age)
    ///   of the set: servers could still have the old one.
    /// - if `after` is longer than 30 days.
    /// - if the next key of an earlier rotation does not sign yet.
    /// - if another key of the ring has the `kid` of `next`.
    /// - if a [`Minter`](crate::mint::Minter) of this ring cannot use `next`: because of its
    ///   algorithm, or of the size of its signatures.
    /// - if the clock has no time.
    pub fn rotate(&self, next: impl Signer, after: Duration) -> Result<(), RotationError> {
        let least = self.0.max_age.saturating_add(MARGIN);
        if !(least..=LONGEST_ROTATION).contains(&after) {
            return Err(RotationError::After { after, least, most: LONGEST_ROTATION });
        }
        let minters = lock(&self.0.minters);
        let now = self.0.clock.now().ok_or(RotationError::NoTime)?;
        let keys = self.published(Some(now));
        if let Some(pending) = keys.iter().find(|key| key.signs_from > now) {
            return Err(RotationError::Pending { wait: pending.signs_from - now });
        }
        self.check_next(&keys, &next, &minters)?;
        let signs_from = now + after;
        let dropped = signs_from + after.max(LONGEST_ASSERTION);
        let ending = |key: Key| Key { published_until: key.published_until.or(Some(dropped)), ..key };
        let next = Key { signs_from, ..Key::only(next) };
        self.0.keys.store(Arc::new(keys.into_iter().map(ending).chain([next]).collect()));
        drop(minters);
        Ok(())
    }

    /// Signs with `next` immediately, and publishes no other key that signed in this process.
    /// Servers that have kept the old set refuse assertions until they fetch the new one.
    ///
    /// # Errors
    ///
    /// Fails if a key of the ring has the `kid` of `next`, and if a [`Minter`](crate::mint::Minter)
    /// of this ring cannot use it.
    pub fn replace(&self, next: impl Signer) -> Result<(), RotationError> {
        let minters = lock(&self.0.minters);
        self.check_next(&self.0.keys.load(), &next, &minters)?;
        self.0.keys.store(Arc::new(vec![Key::only(next)]));
        drop(minters);
        Ok(())
    }

    fn check_next(&self, keys: &[Key], next: &impl Signer, minters: &[Weak<Needs>]) -> Result<(), RotationError> {
        judge_public_key(next)?;
        minters.iter().filter_map(Weak::upgrade).try_for_each(|needs| needs.judge(next))?;
        let Some(key_id) = next.public_jwk().map(PublicJwk::key_id) else { return Ok(()) };
        let others = self.0.others.iter().map(PublicJwk::key_id);
        match keys.iter().filter_map(Key::key_id).chain(others).any(|other| other == key_id) {
            true => Err(RotationError::KeyId { key_id: key_id.to_owned() }),
            false => Ok(()),
        }
    }

    /// Returns the JWK Set to register or to publish (RFC 7517, section 5). It has no private key
    /// and no secret.
    pub fn jwks(&self) -> Bytes {
        #[derive(Serialize)]
        struct JwkSet<'a> {
            keys: Vec<&'a PublicJwk>,
        }
        let keys = self.published(self.0.clock.now());
        let own = keys.iter().filter_map(|key| key.signer.public_jwk());
        let set = JwkSet { keys: own.chain(&self.0.others).collect() };
        // Nothing of this type fails to serialize.
        serde_json::to_vec(&set).unwrap_or_default().into()
    }

    /// Returns the same set as a server registers it.
    pub fn key_set(&self) -> KeySet {
        // Each key was judged by the same rules.
        KeySet::parse(&self.jwks()).unwrap_or_default()
    }

    /// Returns for how long servers may keep the published set.
    pub fn max_age(&self) -> Duration {
        self.0.max_age
    }

    fn published(&self, now: Option<UnixTime>) -> Vec<Key> {
        self.0.keys.load().iter().filter(|key| key.is_published(now)).cloned().collect()
    }

    /// Returns the signer of this moment.
    pub(super) fn signer(&self, now: UnixTime) -> Option<Arc<dyn Signer>> {
        let keys = self.0.keys.load();
        let key = match keys.as_slice() {
            [only] => Some(only),
            several => several.iter().rev().find(|key| key.signs_from <= now).or(several.first()),
        };
        key.map(|key| Arc::clone(&key.signer))
    }

    /// Judges all keys for a minter. From now on, only keys that it can use are added.
    pub(super) fn serve(&self, needs: &Arc<Needs>) -> Result<(), Misfit> {
        let mut minters = lock(&self.0.minters);
        for key in self.0.keys.load().iter() {
            judge_public_key(&*key.signer)?;
            needs.judge(&*key.signer)?;
        }
        minters.retain(|other| other.strong_count() > 0);
        minters.push(Arc::downgrade(needs));
        Ok(())
    }
}

/// Shows algorithm and `kid` of each key.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.keys.load();
        f.debug_list().entries(keys.iter().map(|key| (key.signer.algorithm(), key.key_id()))).finish()
    }
}
