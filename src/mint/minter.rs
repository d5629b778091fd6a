//! Makes assertions.

use std::fmt;
use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::assertion::Assertion;
use super::edits::Edits;
use super::error::{MintError, MinterConfigError};
use super::needs::{LONGEST_RSA_SIGNATURE, Needs, VARYING_CLAIMS};
use super::ring::KeyRing;
use super::signer::{Signature, Signer};
use super::times::Times;
use crate::client::ClientId;
use crate::clock::{Clock, UnixTime};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url::encode_onto;
use crate::jose::public_jwk::PublicJwk;
use crate::jose::signing::{ecdsa_from_der, random};
use crate::policy::Policy;
use crate::port::{Answer, BoxFuture, PortError};
use crate::timer::timer;

/// Makes assertions for one client at one authorization server. Cheap to clone.
///
/// ```
/// use tower_client_assertion::Policy;
/// use tower_client_assertion::mint::{Minter, SigningKey};
/// use tower_client_assertion::policy::Algorithm;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::generate(Algorithm::ES384)?;
/// let url = "https://api.example.com/v2/auth/token";
/// let minter = Minter::builder(Policy::REDOX, "clinic-7", key.clone())
///     .audience(url)
///     .build()?;
///
/// let request = minter.request(url).client_credentials().build().await?;
/// assert_eq!(request.method(), "POST");
///
/// // FAPI 2.0 does not allow ES384, so no server of that profile would accept it.
/// let error = Minter::builder(Policy::FAPI2, "clinic-7", key)
///     .issuer("https://as.example.com")
///     .build()
///     .unwrap_err();
/// assert!(error.to_string().starts_with("policy fapi2 does not allow ES384"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Minter(Arc<Inner>);

struct Inner {
    plan: Plan,
    keys: KeyRing,
    clock: Box<dyn Clock>,
    /// For the signer of the last assertion.
    head: ArcSwapOption<Head>,
    /// What the ring judges new keys by, as long as this minter exists.
    _needs: Arc<Needs>,
}

/// What all assertions of a minter have in common.
pub(super) struct Plan {
    pub(super) client_id: ClientId,
    /// Without the members that depend on the key.
    pub(super) header: Map<String, Value>,
    /// The beginning of a JSON object.
    pub(super) claims: String,
    pub(super) times: Times,
    pub(super) policy: Policy,
    pub(super) edits: Edits,
}

/// The header for one signer, encoded and with its dot.
struct Head {
    signer: Arc<dyn Signer>,
    encoded: String,
    /// Whether a signature was one by the published key.
    is_proven: AtomicBool,
}

/// The signing input of an assertion, with room for its signature.
struct Draft {
    jwt: Zeroizing<String>,
    head: Arc<Head>,
    started: UnixTime,
}

impl Minter {
    pub(super) fn of(plan: Plan, keys: KeyRing, clock: Box<dyn Clock>) -> Result<Self, MinterConfigError> {
        let header = Value::Object(plan.header.clone()).to_string().len();
        let needs = Needs { algorithms: plan.policy.algorithms(), header, claims: plan.claims.len() };
        let needs = Arc::new(needs);
        keys.serve(&needs).map_err(|misfit| MinterConfigError::of(misfit, &plan.policy))?;
        Ok(Self(Arc::new(Inner { plan, keys, clock, head: ArcSwapOption::empty(), _needs: needs })))
    }

    /// Returns the client id.
    pub fn client_id(&self) -> &ClientId {
        &self.0.plan.client_id
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.0.plan.policy
    }

    /// Returns the keys, which can be [rotated](KeyRing::rotate) while the minter is in use.
    pub fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    /// Makes an assertion with a `jti` of 128 random bits. It is for one request.
    ///
    /// The answer is ready if the key is in memory.
    ///
    /// # Errors
    ///
    /// Fails if the clock has no time, if there are no random bytes, if the secret has expired, and
    /// if the signer fails, takes longer than half the
    /// [lifetime](crate::mint::MinterBuilder::lifetime), or returns something that the published
    /// key does not verify. A signer that must be waited for needs a Tokio runtime with timers.
    pub fn mint(&self) -> Answer<Result<Assertion, MintError>> {
        let draft = match self.draft() {
            Ok(draft) => draft,
            Err(error) => return Answer::Ready(Err(error)),
        };
        match draft.head.signer.sign(draft.jwt.as_bytes()) {
            Answer::Ready(signature) => {
                // A key in memory does not change.
                let is_proven = draft.head.is_proven.load(Ordering::Relaxed);
                Answer::Ready(self.finish(draft, signature, is_proven))
            }
            Answer::Pending(signature) => {
                let minter = self.clone();
                Answer::later(async move {
                    let signature = minter.wait(signature).await?;
                    minter.finish(draft, signature, false)
                })
            }
        }
    }

    fn draft(&self) -> Result<Draft, MintError> {
        let Inner { plan, keys, clock, .. } = &*self.0;
        let started = clock.now().ok_or(MintError::NoTime)?;
        let jti = random::<16>().ok_or(MintError::NoRandom)?;
        // The ring has at least one key.
        let signer = keys.signer(started).ok_or_else(|| MintError::Signer(PortError::new("there is no key")))?;
        if signer.expires_at().is_some_and(|time| time <= started) {
            return Err(MintError::SecretExpired);
        }
        let head = self.head(signer);
        let claims = plan.claims_at(started, &jti);
        let signature = head.signer.algorithm().signature_len().unwrap_or(LONGEST_RSA_SIGNATURE);
        let room = head.encoded.len() + (claims.len() + signature).div_ceil(3) * 4 + 8;
        let mut jwt = Zeroizing::new(String::with_capacity(room));
        jwt.push_str(&head.encoded);
        encode_onto(claims.as_bytes(), &mut jwt);
        Ok(Draft { jwt, head, started })
    }

    /// Returns the header for a signer, which is encoded again only if the keys have changed.
    fn head(&self, signer: Arc<dyn Signer>) -> Arc<Head> {
        if let Some(head) = self.0.head.load_full().filter(|head| Arc::ptr_eq(&head.signer, &signer)) {
            return head;
        }
        let mut encoded = String::new();
        encode_onto(self.0.plan.header_for(&*signer).as_bytes(), &mut encoded);
        encoded.push('.');
        let head = Arc::new(Head { signer, encoded, is_proven: AtomicBool::new(false) });
        self.0.head.store(Some(Arc::clone(&head)));
        head
    }

    /// Waits no longer than the signer may take.
    async fn wait(
        &self,
        signature: BoxFuture<Result<Signature, PortError>>,
    ) -> Result<Result<Signature, PortError>, MintError> {
        let (mut signature, limit) = (pin!(signature), self.longest_wait());
        let mut timeout = timer(limit).ok_or(MintError::NoTimer)?;
        poll_fn(|cx| match signature.as_mut().poll(cx) {
            Poll::Ready(signature) => Poll::Ready(Ok(signature)),
            Poll::Pending => timeout.as_mut().poll(cx).map(|()| Err(MintError::SignerTooSlow { limit })),
        })
        .await
    }

    fn longest_wait(&self) -> Duration {
        self.0.plan.times.lifetime / 2
    }

    fn finish(
        &self,
        draft: Draft,
        signature: Result<Signature, PortError>,
        is_proven: bool,
    ) -> Result<Assertion, MintError> {
        let Draft { mut jwt, head, started } = draft;
        let limit = self.longest_wait();
        if self.0.clock.now().ok_or(MintError::NoTime)? - started > limit {
            return Err(MintError::SignerTooSlow { limit });
        }
        let algorithm = head.signer.algorithm();
        let mut signature = as_in_jws(algorithm, signature.map_err(MintError::Signer)?)?;
        if !is_proven && !is_by(&*head.signer, jwt.as_bytes(), &signature) {
            return Err(MintError::Signature { algorithm, bytes: signature.len() });
        }
        head.is_proven.store(true, Ordering::Relaxed);
        self.0.plan.edits.edit_signature(&mut signature);
        jwt.push('.');
        encode_onto(&signature, &mut jwt);
        Ok(Assertion::new(jwt))
    }
}

/// Returns whether the published key verifies a signature. A key management service may have signed
/// with a newer version of its key. A secret has nothing to compare with.
fn is_by(signer: &dyn Signer, input: &[u8], signature: &[u8]) -> bool {
    signer.public_jwk().is_none_or(|key| key.verifies(input, signature))
}

/// Returns a signature in the encoding of JOSE, if it can be one.
fn as_in_jws(algorithm: Algorithm, signature: Signature) -> Result<Vec<u8>, MintError> {
    let given = match &signature {
        Signature::Jose(bytes) | Signature::EcdsaDer(bytes) => bytes.len(),
    };
    let jose = match signature {
        Signature::Jose(signature) => Some(signature),
        Signature::EcdsaDer(der) => ecdsa_from_der(algorithm, &der),
    };
    let fits = |signature: &Vec<u8>| match algorithm.signature_len() {
        Some(len) => signature.len() == len,
        None => (256..=LONGEST_RSA_SIGNATURE).contains(&signature.len()),
    };
    jose.filter(fits).ok_or(MintError::Signature { algorithm, bytes: given })
}

impl Plan {
    fn header_for(&self, signer: &dyn Signer) -> String {
        let mut header = self.header.clone();
        header.insert("alg".to_owned(), signer.algorithm().name().into());
        if let Some(key_id) = signer.public_jwk().map(PublicJwk::key_id) {
            header.insert("kid".to_owned(), key_id.into());
        }
        self.edits.edit_header(&mut header);
        Value::Object(header).to_string()
    }

    /// There is no `nbf`: it would only make the client depend on the clock of the server.
    fn claims_at(&self, now: UnixTime, jti: &[u8]) -> String {
        let (iat, exp) = ((now - self.times.backdate).as_secs(), (now + self.times.lifetime).as_secs());
        let mut claims = String::with_capacity(self.claims.len() + VARYING_CLAIMS);
        claims.push_str(&self.claims);
        // Writing to a string does not fail.
        let _ = write!(claims, r#","iat":{iat},"exp":{exp},"jti":""#);
        encode_onto(jti, &mut claims);
        claims.push_str("\"}");
        self.edits.edited_claims(&claims).unwrap_or(claims)
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { plan, keys, .. } = &*self.0;
        let mut shown = f.debug_struct("Minter");
        shown.field("policy", &plan.policy.name()).field("client_id", &plan.client_id).field("keys", keys);
        shown.finish_non_exhaustive()
    }
}
