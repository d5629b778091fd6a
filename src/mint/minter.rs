//! Makes assertions.

use std::fmt;
use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::assertion::Assertion;
use super::edits::Edits;
use super::error::{MintError, MinterConfigError};
use super::ring::KeyRing;
use super::signer::{Signature, Signer};
use super::times::Times;
use crate::client::ClientId;
use crate::clock::{Clock, UnixTime};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url::encode_onto;
use crate::jose::public_jwk::PublicJwk;
use crate::jose::signing::{ecdsa_from_der, random};
use crate::policy::{Limits, Policy};
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
}

/// The signing input of an assertion, with room for its signature.
struct Draft {
    jwt: Zeroizing<String>,
    algorithm: Algorithm,
    started: UnixTime,
}

/// The longest RSA signature that verifiers of this crate accept: 8192 bits.
const LONGEST_RSA_SIGNATURE: usize = 1024;

/// The dates and the `jti`, in bytes at most.
const VARYING_CLAIMS: usize = 96;

impl Minter {
    pub(super) fn of(
        plan: Plan,
        keys: KeyRing,
        clock: Box<dyn Clock>,
        limits: &Limits,
    ) -> Result<Self, MinterConfigError> {
        for signer in keys.signers() {
            check_size(&plan, &signer, limits)?;
        }
        Ok(Self(Arc::new(Inner { plan, keys, clock, head: ArcSwapOption::empty() })))
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
    /// Fails if the clock has no time, if there are no random bytes, and if the signer fails or
    /// takes longer than half the [lifetime](crate::mint::MinterBuilder::lifetime). The wait is bounded by that
    /// time in a Tokio runtime with timers.
    pub fn mint(&self) -> Answer<Result<Assertion, MintError>> {
        let (draft, signer) = match self.draft() {
            Ok(draft) => draft,
            Err(error) => return Answer::Ready(Err(error)),
        };
        match signer.sign(draft.jwt.as_bytes()) {
            Answer::Ready(signature) => Answer::Ready(self.finish(draft, signature)),
            Answer::Pending(signature) => {
                let minter = self.clone();
                Answer::later(async move {
                    let signature = minter.wait(signature).await?;
                    minter.finish(draft, signature)
                })
            }
        }
    }

    fn draft(&self) -> Result<(Draft, Arc<dyn Signer>), MintError> {
        let Inner { plan, keys, clock, .. } = &*self.0;
        let started = clock.now().ok_or(MintError::NoTime)?;
        let jti = random::<16>().ok_or(MintError::NoRandom)?;
        // The ring has at least one key.
        let signer = keys.signer().ok_or(MintError::Signer(PortError::new("there is no key")))?;
        let head = self.head(signer);
        let claims = plan.claims_at(started, &jti);
        let algorithm = head.signer.algorithm();
        let signature = algorithm.signature_len().unwrap_or(LONGEST_RSA_SIGNATURE);
        let room = head.encoded.len() + (claims.len() + signature).div_ceil(3) * 4 + 8;
        let mut jwt = Zeroizing::new(String::with_capacity(room));
        jwt.push_str(&head.encoded);
        encode_onto(claims.as_bytes(), &mut jwt);
        Ok((Draft { jwt, algorithm, started }, Arc::clone(&head.signer)))
    }

    /// Returns the header for a signer, which is encoded again only if the keys have changed.
    fn head(&self, signer: Arc<dyn Signer>) -> Arc<Head> {
        if let Some(head) = self.0.head.load_full().filter(|head| Arc::ptr_eq(&head.signer, &signer)) {
            return head;
        }
        let mut encoded = String::new();
        encode_onto(self.0.plan.header_for(&*signer).as_bytes(), &mut encoded);
        encoded.push('.');
        let head = Arc::new(Head { signer, encoded });
        self.0.head.store(Some(Arc::clone(&head)));
        head
    }

    /// Waits no longer than the signer may take.
    async fn wait(
        &self,
        signature: BoxFuture<Result<Signature, PortError>>,
    ) -> Result<Result<Signature, PortError>, MintError> {
        let (mut signature, limit) = (pin!(signature), self.longest_wait());
        let mut timeout = timer(limit);
        poll_fn(|cx| {
            if let Poll::Ready(signature) = signature.as_mut().poll(cx) {
                return Poll::Ready(Ok(signature));
            }
            match timeout.as_mut().map(|timeout| timeout.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => Poll::Ready(Err(MintError::SignerTooSlow { limit })),
                _ => Poll::Pending,
            }
        })
        .await
    }

    fn longest_wait(&self) -> Duration {
        self.0.plan.times.lifetime / 2
    }

    fn finish(&self, draft: Draft, signature: Result<Signature, PortError>) -> Result<Assertion, MintError> {
        let limit = self.longest_wait();
        if self.0.clock.now().ok_or(MintError::NoTime)? - draft.started > limit {
            return Err(MintError::SignerTooSlow { limit });
        }
        let Draft { mut jwt, algorithm, .. } = draft;
        let mut signature = as_in_jws(algorithm, signature.map_err(MintError::Signer)?)?;
        self.0.plan.edits.edit_signature(&mut signature);
        jwt.push('.');
        encode_onto(&signature, &mut jwt);
        Ok(Assertion::new(jwt))
    }
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

/// An edited assertion may be of any size.
fn check_size(plan: &Plan, signer: &Arc<dyn Signer>, limits: &Limits) -> Result<(), MinterConfigError> {
    let header = plan.header_for(&**signer).len();
    if header > limits.header {
        return Err(MinterConfigError::TooLarge { what: "the header", limit: limits.header });
    }
    let signature = signer.algorithm().signature_len().unwrap_or(LONGEST_RSA_SIGNATURE);
    let encoded = |bytes: usize| (bytes * 4).div_ceil(3);
    let size = encoded(header) + encoded(plan.claims.len() + VARYING_CLAIMS) + encoded(signature) + 2;
    match size > limits.assertion {
        true => Err(MinterConfigError::TooLarge { what: "the assertion", limit: limits.assertion }),
        false => Ok(()),
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
