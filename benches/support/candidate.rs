//! The candidates: the bare signature check, what others do with it, the layer, and the requests
//! that the layer refuses.

use std::convert::Infallible;
use std::future::ready;
use std::hint::black_box;
use std::sync::Arc;
use std::task::Context;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use serde_json::json;
use tower::Service;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::jwks::{JwksRequest, JwksUrl, KeySetCache};
#[cfg(feature = "metrics")]
use tower_client_assertion::metrics::MetricsEvents;
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::{Client, FixedRegistry};
use tower_client_assertion::rejection::{ClientFault, RejectionKind};
use tower_client_assertion::replay::{Admission, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{
    ClientAssertion, ClientAssertionLayer, Policy, Rejection, TokenRequest, Verifier, VerifierBuilder,
};

use super::inner::Inner;
use super::pool::{Pool, SECRET};
use super::refusal::REFUSALS;
#[cfg(feature = "metrics")]
use crate::common::recorder::Recorded;
use crate::common::{AUDIENCE, CLIENT, NOW, clock, form, key_set, now_or_never};

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    Bare,
    Jsonwebtoken,
    Verifier,
    Layer,
    /// The layer with counters and the ages of assertions.
    #[cfg(feature = "metrics")]
    Metrics,
    /// The same with the times of steps.
    #[cfg(feature = "metrics")]
    MetricsWithTimes,
    Unguarded,
    PassThrough,
    /// The index in [`REFUSALS`].
    Refused(usize),
    /// A replay by a client with keys by URL. Its difference from a replay is the cost of finding
    /// such keys.
    ReplayedByUrl,
}

impl Candidate {
    /// Returns the candidates that check a signature. The others are compared with the first.
    pub(crate) fn accepted(pool: &Pool) -> impl Iterator<Item = Self> {
        let known = pool.algorithm() != "ML-DSA-44";
        Self::all().filter(move |candidate| known || *candidate != Self::Jsonwebtoken)
    }

    fn all() -> impl Iterator<Item = Self> {
        #[cfg(feature = "metrics")]
        let with_metrics = [Self::Metrics, Self::MetricsWithTimes];
        #[cfg(not(feature = "metrics"))]
        let with_metrics = [];
        [Self::Bare, Self::Jsonwebtoken, Self::Verifier, Self::Layer].into_iter().chain(with_metrics)
    }

    /// Returns the candidates that check no signature. The first is the inner service without a
    /// layer: the cost of handing over and dropping a request.
    pub(crate) fn cheap() -> impl Iterator<Item = Self> {
        let refused = (0..REFUSALS.len()).map(Self::Refused).chain([Self::ReplayedByUrl]);
        [Self::Unguarded, Self::PassThrough].into_iter().chain(refused)
    }

    pub(crate) fn from_name(name: &str) -> Self {
        let mut all = Self::all().chain(Self::cheap());
        all.find(|candidate| candidate.name() == name).unwrap_or_else(|| panic!("there is no candidate {name}"))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Jsonwebtoken => "jsonwebtoken",
            Self::Verifier => "verifier",
            Self::Layer => "layer",
            #[cfg(feature = "metrics")]
            Self::Metrics => "metrics",
            #[cfg(feature = "metrics")]
            Self::MetricsWithTimes => "metrics-with-times",
            Self::Unguarded => "unguarded",
            Self::PassThrough => "pass-through",
            Self::Refused(index) => REFUSALS[index].name,
            Self::ReplayedByUrl => "replayed-by-url",
        }
    }

    /// Returns the reason for which its requests are refused, if they are.
    fn refusal(self) -> Option<RejectionKind> {
        match self {
            Self::Refused(index) => Some(RejectionKind::Client(REFUSALS[index].fault.clone())),
            Self::ReplayedByUrl => Some(RejectionKind::Client(ClientFault::Replayed)),
            _ => None,
        }
    }

    /// Adds the sink of the candidate, if it has one.
    fn watched(self, verifier: VerifierBuilder) -> VerifierBuilder {
        #[cfg(feature = "metrics")]
        if let Self::Metrics | Self::MetricsWithTimes = self {
            let sink = MetricsEvents::new(Recorded::default()).per_client(100).unwrap();
            let sink = if self == Self::MetricsWithTimes { sink.with_times() } else { sink };
            return verifier.events(sink);
        }
        verifier
    }

    fn requests(self, pool: &Pool, count: usize) -> Vec<Request<Full<Bytes>>> {
        if let Self::Refused(index) = self {
            return vec![REFUSALS[index].request(pool); count];
        }
        if self == Self::ReplayedByUrl {
            return vec![Self::Layer.requests(pool, 1).remove(0); count];
        }
        let path = if self == Self::PassThrough { "/other" } else { "/token" };
        let request = |body: Bytes| {
            let request = Request::post(path).header(header::HOST, "api.example.com");
            let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            request.header(header::CONTENT_LENGTH, body.len()).body(Full::new(body)).unwrap()
        };
        bodies(pool, count).into_iter().map(request).collect()
    }

    /// Runs one request and asserts its outcome.
    pub(crate) fn check(self, pool: &Pool) {
        if self.refusal().is_none() {
            return self.batch(pool, 1)(1);
        }
        let mut service = used(pool, self);
        let response = answer(&mut service, self.requests(pool, 1).remove(0));
        let kind = response.extensions().get::<Rejection>().map(Rejection::kind);
        assert_eq!(kind, self.refusal().as_ref(), "{self:?}");
    }

    /// Prepares `count` calls and a new verifier for them.
    pub(crate) fn batch(self, pool: &Pool, count: usize) -> Batch {
        match self {
            Self::Bare => bare(pool, count),
            Self::Jsonwebtoken => jsonwebtoken(pool, count),
            Self::Verifier => {
                let verifier = builder(pool, client(pool)).build().unwrap();
                let verify = move |body: Bytes| now_or_never(verifier.verify(&TokenRequest::new(&body))).is_ok();
                batch(bodies(pool, count), verify)
            }
            Self::Unguarded => {
                let unguarded = |body: Request<Full<Bytes>>| answer(&mut Inner(()), body).status() == 200;
                batch(self.requests(pool, count), unguarded)
            }
            _ => {
                let mut service = used(pool, self);
                let refused = self.refusal().is_some();
                let ends_right = move |request| {
                    let status = answer(&mut service, request).status();
                    if refused { status.is_client_error() } else { status == 200 }
                };
                batch(self.requests(pool, count), ends_right)
            }
        }
    }
}

/// Returns forms with different assertions, since each is accepted once.
fn bodies(pool: &Pool, count: usize) -> Vec<Bytes> {
    pool.good[..count].iter().map(|good| form(good).into()).collect()
}

/// Returns the layer. If a replay is to be refused, it has seen the assertion before.
fn used(pool: &Pool, candidate: Candidate) -> ClientAssertion<Inner> {
    let client = if candidate == Candidate::ReplayedByUrl { client_by_url(pool) } else { client(pool) };
    let mut service = guarded(candidate.watched(builder(pool, client)));
    if candidate.refusal() == Some(RejectionKind::Client(ClientFault::Replayed)) {
        assert_eq!(answer(&mut service, Candidate::Layer.requests(pool, 1).remove(0)).status(), 200);
    }
    service
}

/// Makes the given number of calls. Everything that it holds is freed when it is dropped, outside
/// of any measurement.
pub(crate) type Batch = Box<dyn FnMut(usize)>;

fn batch<T: 'static>(inputs: Vec<T>, mut succeeds: impl FnMut(T) -> bool + 'static) -> Batch {
    let mut inputs = inputs.into_iter();
    Box::new(move |count| {
        for _ in 0..count {
            assert!(succeeds(black_box(inputs.next().unwrap())));
        }
    })
}

fn bare(pool: &Pool, count: usize) -> Batch {
    let key = Key::of(pool);
    let split = |assertion: &String| {
        let (input, signature) = assertion.rsplit_once('.').unwrap();
        (input.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).unwrap())
    };
    let inputs = pool.good[..count].iter().map(split).collect();
    batch(inputs, move |(input, signature): (Vec<u8>, Vec<u8>)| key.verifies(&input, &signature))
}

enum Key {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl Key {
    fn of(pool: &Pool) -> Self {
        let Some(jwk) = &pool.jwk else {
            return Self::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes())));
        };
        let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let point = || [vec![4], member("x"), member("y")].concat();
        let rsa =
            |parameters| RsaPublicKeyComponents { n: member("n"), e: member("e") }.to_parsed_public_key(parameters);
        let parsed = match pool.algorithm() {
            "ES256" => ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point()),
            "ES384" => ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point()),
            "EdDSA" => ParsedPublicKey::new(&signature::ED25519, member("x")),
            "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "ML-DSA-44" => ParsedPublicKey::new(&signature::ML_DSA_44, member("pub")),
            other => panic!("{other} is not measured"),
        };
        Self::Public(parsed.unwrap())
    }

    fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Public(key) => key.verify_sig(input, signature).is_ok(),
            Self::Secret(key) => hmac::verify(key, input, signature).is_ok(),
        }
    }
}

/// The claims as an application would read them with `jsonwebtoken`.
#[derive(Debug, serde::Deserialize)]
#[expect(dead_code, reason = "they only have to be read")]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    jti: String,
    iat: u64,
    exp: u64,
}

/// Measures `jsonwebtoken::decode` alone: no form, no registry, no replay store.
#[expect(clippy::disallowed_methods, reason = "it is the candidate")]
fn jsonwebtoken(pool: &Pool, count: usize) -> Batch {
    let key = match &pool.jwk {
        Some(jwk) => jsonwebtoken::DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap(),
        None => jsonwebtoken::DecodingKey::from_secret(SECRET.as_bytes()).unwrap(),
    };
    let mut validation = jsonwebtoken::Validation::new(pool.algorithm().parse().unwrap());
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[CLIENT]);
    batch(pool.good[..count].to_vec(), move |assertion| {
        jsonwebtoken::decode::<Claims>(&assertion, &key, &validation).is_ok()
    })
}

fn client(pool: &Pool) -> Client {
    match &pool.jwk {
        Some(jwk) => Client::new(CLIENT, key_set(std::slice::from_ref(jwk))),
        None => Client::with_secret(CLIENT, ClientSecret::new(SECRET).unwrap()),
    }
    .unwrap()
}

/// Returns the same client with the same key, already fetched from a URL.
fn client_by_url(pool: &Pool) -> Client {
    let document = json!({"keys": [pool.jwk.as_ref().unwrap()]}).to_string();
    let fetch = move |_: JwksRequest| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(document.clone()))));
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let client = Client::with_key_set_url(CLIENT, &JwksUrl::parse("https://clinic.example/").unwrap(), &cache).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert_eq!(runtime.block_on(cache.prefetch(UnixTime::from_secs(NOW))).ready, 1);
    client
}

fn builder(pool: &Pool, client: Client) -> VerifierBuilder {
    let algorithm = Algorithm::from_name(pool.algorithm()).unwrap();
    let policy = Policy::REDOX.with_algorithms(AlgorithmSet::of(&[algorithm]));
    let verifier = Verifier::builder(policy, FixedRegistry::new([client]).unwrap(), used_replay_store());
    verifier.audience(AUDIENCE).clock(clock())
}

/// Returns a store in the middle of its work. Its two shards were rebuilt recently and will not be
/// rebuilt soon. With more shards, the key of the hash would decide when one is rebuilt.
/// `benches/replay.rs` measures the average cost of rebuilding.
fn used_replay_store() -> MemoryReplay {
    let store = MemoryReplay::new(12_000).unwrap().per_client(12_000).unwrap();
    let (now, until) = (UnixTime::from_secs(NOW), UnixTime::from_secs(NOW + 300));
    for number in 0..7300 {
        let admission = store.admit(ReplayKey::new("as", CLIENT, &number.to_string()), until, now);
        assert!(matches!(admission, Answer::Ready(Ok(Admission::Fresh))));
    }
    store
}

fn guarded(verifier: VerifierBuilder) -> ClientAssertion<Inner> {
    use tower::Layer as _;
    ClientAssertionLayer::new(Arc::new(verifier.build().unwrap())).path("/token").unwrap().layer(Inner(()))
}

fn answer<S>(service: &mut S, request: Request<Full<Bytes>>) -> S::Response
where
    S: Service<Request<Full<Bytes>>, Error = Infallible>,
{
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    now_or_never(service.call(request)).unwrap_or_else(|never| match never {})
}
