//! Explanations of refusals, for operators: everything that is wrong with a request.
//!
//! A request goes in, with the time at which it is judged. An [`Explanation`] comes out: the
//! [verdict](Explanation::verdict) that the verifier would have given, and every
//! [step](Explanation::steps) that leads to it, also those behind the first fault. It
//! displays as text, and serializes as JSON in the format `client-assertion-explanation/1`.
//!
//! This is for the operator alone. **Never make an explanation available to clients**: it says what
//! no answer to a client may, for example whether a client is registered. It contains no assertion,
//! signature, secret or `jti`: of a `jti`, it has the length and the first four bytes of the hash.
//! What was sent is escaped and cut. Where it has 16 bytes of any of these in a row, or is a short
//! one as a whole, it is withheld, unless it is registered or configured. The exception is a store
//! that [says how to look](crate::replay::ReplayStore::how_to_look): Redis names its key, which has
//! a digest of tenant, client and `jti`.
//!
//! An explanation leaves no trace. Nothing is spent, fetched, counted or reported. The registry is
//! asked once, within the [port timeout](crate::VerifierBuilder::port_timeout), and again for a
//! `sub` that is not `iss`, without a wait. Keys at a URL are those that the cache has. Where a
//! request would fetch newer ones before it is refused for its key or its signature, the verdict is
//! [`NotDecided`](Verdict::NotDecided). The replay store is that of now, for any time of
//! judgement: an accepted request that is explained later has been recorded, and is `replayed`. An
//! overload and the share of a client are not judged.
//!
//! The work is bounded. Signatures are tried as often as for a request, once for the verdict and
//! once for the steps, and with at most eight other keys of the client for the [hints](Hint). A
//! secret is tried in two encodings as well.
//!
//! ```
//! use tower_client_assertion::clock::UnixTime;
//! use tower_client_assertion::explain::Verdict;
//! use tower_client_assertion::rejection::Reason;
//! use tower_client_assertion::replay::MemoryReplay;
//! use tower_client_assertion::{Policy, TokenRequest, Verifier};
//! # use tower_client_assertion::clock::ManualClock;
//! # use tower_client_assertion::mint::{Minter, SecretSigner};
//! # use tower_client_assertion::policy::Algorithm;
//! # use tower_client_assertion::registry::{Client, FixedRegistry};
//! # use tower_client_assertion::secret::ClientSecret;
//! # const SECRET: &str = "a secret of more than thirty-two bytes";
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = Client::with_secret("reports", ClientSecret::new(SECRET)?)?;
//! # let clients = FixedRegistry::new([client])?;
//! # let replay = MemoryReplay::new(100_000)?;
//! # let form = async |issuer: &str| {
//! #     let signer = SecretSigner::new(ClientSecret::new(SECRET).unwrap(), Algorithm::HS256).unwrap();
//! #     let clock = ManualClock::at(UnixTime::from_secs(1_700_000_000));
//! #     let minter = Minter::builder(Policy::OIDC, "reports", signer).issuer(issuer).clock(clock).build().unwrap();
//! #     minter.request("/token").client_credentials().build().await.unwrap().into_body().into_bytes()
//! # };
//! let verifier = Verifier::builder(Policy::OIDC, clients, replay)
//!     .issuer("https://as.example.com")
//!     .build()?;
//! let issued_at = UnixTime::from_secs(1_700_000_000);
//!
//! let right = form("https://as.example.com").await;
//! let request = TokenRequest::new(&right);
//! let explanation = verifier.explain(&request, issued_at).await;
//! assert!(matches!(explanation.verdict(), Verdict::Accepted { .. }));
//!
//! // Its audience has a slash at its end, and it is explained too late.
//! let wrong = form("https://as.example.com/").await;
//! let request = TokenRequest::new(&wrong);
//! let later = UnixTime::from_secs(1_700_001_000);
//! let explanation = verifier.explain(&request, later).await;
//! let reasons: Vec<_> =
//!     explanation.steps().iter().filter_map(|step| step.reason()).collect();
//! assert_eq!(reasons, [Reason::AudUnexpected, Reason::ExpPast]);
//! assert_eq!(explanation.verdict().reason(), Some(Reason::AudUnexpected));
//! # Ok(())
//! # }
//! ```
//!
//! This room takes the verdict from the [verifier](crate::Verifier), and the words from its
//! findings. The layer judges the head and makes the answer. It uses neither HTTP nor a renderer.

mod about;
mod cause;
mod check;
mod context;
mod draft;
mod hint;
mod hints;
mod input;
mod json;
mod judge;
mod kind;
mod of_claims;
mod of_client;
mod of_form;
mod offline;
mod part;
mod secrets;
mod step;
mod text;
mod times;
mod unjudged;
mod verdict;
mod window;
mod wrap;

use std::ops::RangeInclusive;

pub use check::Check;
pub(crate) use draft::Draft;
pub use hint::Hint;
pub(crate) use input::{Given, Head, Input};
pub use kind::{AudKind, DateText, EncodedTwice, KidKind, OtherToken, SecretText, Wrapping};
pub use offline::{NoClients, NoReplay};
pub use part::Part;
pub(crate) use part::form_around;
pub use step::{Outcome, Step};
pub(crate) use unjudged::{undecided, unguarded, without_verifier};
pub use verdict::{Answer, Verdict};

use crate::clock::UnixTime;
use crate::endpoint::Endpoint;
use crate::rejection::Reason;
use crate::verifier::{TokenRequest, Verifier};

/// The name and the version of the formats. A later version of this crate may add members to the
/// JSON without a new number.
pub const FORMAT: &str = "client-assertion-explanation/1";

/// The JSON Schema (draft 2020-12) of the JSON format.
pub const SCHEMA: &str = include_str!("schema.json");

/// Everything that is wrong with a request, for its operator. See the [module](self).
#[derive(Clone, Debug)]
pub struct Explanation {
    at: UnixTime,
    claimed_client: Option<String>,
    policy: Box<str>,
    endpoint: Endpoint,
    acceptable: Option<RangeInclusive<UnixTime>>,
    verdict: Verdict,
    answer: Option<Answer>,
    steps: Vec<Step>,
    hints: Vec<Hint>,
    advice: Vec<Advice>,
    unjudged: Vec<String>,
}

/// What to do about one or several reasons.
#[derive(Clone, Debug)]
struct Advice {
    text: &'static str,
    reasons: Vec<Reason>,
}

impl Explanation {
    /// Returns what the server decides about the request.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Returns the answer that the client reads, if the request is refused and a layer explains it.
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// Returns every check, each once. [`Check::Tenant`] is left out unless the layer
    /// [chooses](crate::ClientAssertionLayer::choose) its verifiers. The order is that of
    /// [`Check::ALL`] with one exception: a check that failed stands where the verifier finds its
    /// fault, which may be earlier or later. So the first that failed has the reason of the
    /// verdict. Look for a check by its name, not by its place. Each reason occurs once.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns what the request looks like to an experienced eye.
    pub fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// Returns when the dates of the assertion are accepted, in whole seconds and with the skews:
    /// by the policy of the client or, if that is unknown, by the [one that judged](Self::policy).
    /// Both ends are included. Everything else about the assertion may be wrong. `None` if there is
    /// no such second, or no assertion that can be read. An end of 0 or [`u64::MAX`] seconds means
    /// that there is no bound.
    pub fn acceptable(&self) -> Option<RangeInclusive<UnixTime>> {
        self.acceptable.clone()
    }

    /// Returns what to do, without repeats: first about the reason of the verdict, then about the
    /// other faults. A layer has the words of its renderer, a verifier those of
    /// [`Reason::advice`](crate::rejection::Reason::advice).
    pub fn advice(&self) -> impl Iterator<Item = &'static str> {
        self.advice.iter().map(|advice| advice.text)
    }

    /// Returns the time at which the request was judged.
    pub fn at(&self) -> UnixTime {
        self.at
    }

    /// Returns the `iss` of the assertion: who the sender claims to be. One that is long or not
    /// plain is escaped, cut and in quotation marks. In place of one that must not be shown, this
    /// says that it is withheld.
    pub fn claimed_client(&self) -> Option<&str> {
        self.claimed_client.as_deref()
    }

    /// Returns the name of the policy by which the claims were judged: that of the client, unless
    /// the request is refused by another one before. It is empty if the layer finds no verifier.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Returns the endpoint that the request came to.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Returns the names of claims that no check reads, escaped and cut. At most 16.
    pub fn unjudged_claims(&self) -> &[String] {
        &self.unjudged
    }
}

impl Verifier {
    /// Explains what [`verify`](Self::verify) would decide about `request` at `at`, and what else
    /// is wrong with it. This leaves no trace. It is for the operator alone: see
    /// [`explain`](crate::explain).
    ///
    /// There is no head to judge, and no answer. The
    /// [layer's](crate::ClientAssertionLayer::explain) explanation has both.
    pub async fn explain(&self, request: &TokenRequest<'_>, at: UnixTime) -> Explanation {
        let request = request.clone().with_optional(false);
        let (head, endpoint) = (Head::unknown("a layer judges the head"), request.endpoint());
        let input = Input { request, head, given: Given::Request, endpoint };
        Draft::of(self, input, at).await.finish(None, |kind| kind.reason().advice())
    }
}
