//! What is measured: the bare signature check, what others do with it, the layer, and the requests that it refuses.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll};

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
use tower_client_assertion::policy::{Algorithm, AlgorithmSet};
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::{Client, FixedRegistry};
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, RejectionKind};
use tower_client_assertion::replay::{Admission, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientAssertion, ClientAssertionLayer, Policy, Rejection, TokenRequest, Verifier};

use super::pool::Pool;
use crate::common::{AUDIENCE, CLIENT, NOW, clock, form, key_set, now_or_never};

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    Bare,
    Jsonwebtoken,
    Verifier,
    Layer,
    Unguarded,
    PassThrough,
    ContentType,
    NoAssertion,
    NotThreeParts,
    Junk,
    Expired,
    WrongAudience,
    UnknownClient,
    Replayed,
    ReplayedByUrl,
}

impl Candidate {
    /// Those that check a signature. The first is what the others are compared with.
    pub(crate) const ACCEPTED: [Self; 4] = [Self::Bare, Self::Jsonwebtoken, Self::Verifier, Self::Layer];

    /// Those that do not. What a replay costs more with keys by URL is what it takes to get at these keys. The first is the inner service without any layer: what it takes to hand over and drop a request.
    pub(crate) const CHEAP: [Self; 11] = [
        Self::Unguarded,
        Self::PassThrough,
        Self::ContentType,
        Self::NoAssertion,
        Self::NotThreeParts,
        Self::Junk,
        Self::Expired,
        Self::WrongAudience,
        Self::UnknownClient,
        Self::Replayed,
        Self::ReplayedByUrl,
    ];

    pub(crate) fn all() -> impl DoubleEndedIterator<Item = Self> {
        Self::ACCEPTED.into_iter().chain(Self::CHEAP)
    }

    pub(crate) fn from_name(name: &str) -> Self {
        Self::all().find(|candidate| candidate.name() == name).unwrap()
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Jsonwebtoken => "jsonwebtoken",
            Self::Verifier => "verifier",
            Self::Layer => "layer",
            Self::Unguarded => "unguarded",
            Self::PassThrough => "pass-through",
            Self::ContentType => "content-type",
            Self::NoAssertion => "no-assertion",
            Self::NotThreeParts => "not-three-parts",
            Self::Junk => "junk-16k",
            Self::Expired => "expired",
            Self::WrongAudience => "wrong-audience",
            Self::UnknownClient => "unknown-client",
            Self::Replayed => "replayed",
            Self::ReplayedByUrl => "replayed-by-url",
        }
    }

    /// How its requests are refused, if they are.
    fn refusal(self) -> Option<RejectionKind> {
        let fault = match self {
            Self::Unguarded | Self::PassThrough => return None,
            Self::Bare | Self::Jsonwebtoken | Self::Verifier | Self::Layer => return None,
            Self::ContentType => ClientFault::ContentType,
            Self::NoAssertion => ClientFault::NoAuthentication(None),
            Self::NotThreeParts => ClientFault::NotThreeParts,
            Self::Junk => ClientFault::MissingGrantType,
            Self::Expired => ClientFault::Claim(Claim::Exp, ClaimFault::Past),
            Self::WrongAudience => ClientFault::Claim(Claim::Aud, ClaimFault::Unexpected),
            Self::UnknownClient => ClientFault::UnknownClient,
            Self::Replayed | Self::ReplayedByUrl => ClientFault::Replayed,
        };
        Some(RejectionKind::Client(fault))
    }

    fn body(self, pool: &Pool) -> String {
        match self {
            Self::NoAssertion => String::from("grant_type=client_credentials&scope=system%2FPatient.rs"),
            Self::NotThreeParts => form("bm90IGEgand0.bm90IGEgand0"),
            Self::Junk => "x".repeat(16 * 1024),
            Self::Expired => form(&pool.expired),
            Self::WrongAudience => form(&pool.wrong_audience),
            Self::UnknownClient => form(&pool.unknown_client),
            _ => form(&pool.good[0]),
        }
    }

    /// The bodies of this many requests. Only accepted ones must differ, for a refusal spends no `jti`.
    fn bodies(self, pool: &Pool, count: usize) -> Vec<Bytes> {
        match self {
            Self::Verifier | Self::Layer => pool.good[..count].iter().map(|good| form(good).into()).collect(),
            _ => vec![self.body(pool).into(); count],
        }
    }

    fn requests(self, pool: &Pool, count: usize) -> Vec<Request<Full<Bytes>>> {
        let path = if self == Self::PassThrough { "/other" } else { "/token" };
        let content_type =
            if self == Self::ContentType { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = |body: Bytes| {
            let request = Request::post(path).header(header::HOST, "api.example.com");
            let request = request.header(header::CONTENT_TYPE, content_type).header(header::CONTENT_LENGTH, body.len());
            request.body(Full::new(body)).unwrap()
        };
        self.bodies(pool, count).into_iter().map(request).collect()
    }

    /// Runs one request and sees that it ends as it should.
    pub(crate) fn check(self, pool: &Pool) {
        if self.refusal().is_none() {
            return self.batch(pool, 1)(1);
        }
        let mut service = self.service(pool);
        let response = answer(&mut service, self.requests(pool, 1).remove(0));
        let kind = response.extensions().get::<Rejection>().map(Rejection::kind);
        assert_eq!(kind, self.refusal(), "{self:?}");
    }

    /// The layer in front of a service that does nothing. The first assertion is spent where that is what is measured.
    fn service(self, pool: &Pool) -> ClientAssertion<Inner> {
        let client = if self == Self::ReplayedByUrl { client_by_url(pool) } else { client(pool) };
        let mut service = guarded(pool, client, Inner);
        if matches!(self, Self::Replayed | Self::ReplayedByUrl) {
            assert_eq!(answer(&mut service, self.requests(pool, 1).remove(0)).status(), 200);
        }
        service
    }

    /// Prepares this many calls, and a verifier of their own.
    pub(crate) fn batch(self, pool: &Pool, count: usize) -> Batch {
        match self {
            Self::Bare => bare(pool, count),
            Self::Jsonwebtoken => jsonwebtoken(pool, count),
            Self::Verifier => {
                let verifier = verifier(pool, client(pool));
                let verify = move |body: Bytes| now_or_never(verifier.verify(&TokenRequest::new(&body))).is_ok();
                batch(self.bodies(pool, count), verify)
            }
            Self::Unguarded => {
                let unguarded = |body: Request<Full<Bytes>>| answer(&mut Inner, body).status() == 200;
                batch(self.requests(pool, count), unguarded)
            }
            _ => {
                let mut service = self.service(pool);
                let status = if self.refusal().is_some() { 400 } else { 200 };
                batch(self.requests(pool, count), move |request| answer(&mut service, request).status() == status)
            }
        }
    }
}

/// Makes the next calls, as many as it is told. What it holds is freed with it and not before, outside of any measurement.
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
    let key = parsed_key(pool);
    let split = |assertion: &String| {
        let (input, signature) = assertion.rsplit_once('.').unwrap();
        (input.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).unwrap())
    };
    let inputs = pool.good[..count].iter().map(split).collect();
    batch(inputs, move |(input, signature): (Vec<u8>, Vec<u8>)| key.verify_sig(&input, &signature).is_ok())
}

fn parsed_key(pool: &Pool) -> ParsedPublicKey {
    let member = |name: &str| URL_SAFE_NO_PAD.decode(pool.jwk[name].as_str().unwrap()).unwrap();
    let point = || [vec![4], member("x"), member("y")].concat();
    let rsa = |parameters| {
        let components = RsaPublicKeyComponents { n: member("n"), e: member("e") };
        components.to_parsed_public_key(parameters)
    };
    match pool.algorithm.as_str() {
        "ES256" => ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point()),
        "ES384" => ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point()),
        "EdDSA" => ParsedPublicKey::new(&signature::ED25519, member("x")),
        "RS384" => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        other => panic!("{other} is not measured"),
    }
    .unwrap()
}

/// The claims as an application would take them from `jsonwebtoken`.
#[derive(Debug, serde::Deserialize)]
#[expect(dead_code, reason = "only that they are read matters")]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    jti: String,
    iat: u64,
    exp: u64,
}

/// `jsonwebtoken::decode` alone: no form, no registry, no replay store.
#[expect(clippy::disallowed_methods, reason = "it is here to be measured")]
fn jsonwebtoken(pool: &Pool, count: usize) -> Batch {
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(pool.jwk.clone()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let mut validation = jsonwebtoken::Validation::new(pool.algorithm.parse().unwrap());
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[CLIENT]);
    batch(pool.good[..count].to_vec(), move |assertion| {
        jsonwebtoken::decode::<Claims>(&assertion, &key, &validation).is_ok()
    })
}

pub(crate) fn client(pool: &Pool) -> Client {
    Client::new(CLIENT, key_set(std::slice::from_ref(&pool.jwk))).unwrap()
}

/// The same client with the same keys, fetched already.
fn client_by_url(pool: &Pool) -> Client {
    let document = json!({"keys": [pool.jwk]}).to_string();
    let fetch = move |_: JwksRequest| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(document.clone()))));
    let cache = KeySetCache::builder(fetch).build().unwrap();
    let client = Client::with_key_set_url(CLIENT, &JwksUrl::parse("https://clinic.example/").unwrap(), &cache).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert_eq!(runtime.block_on(cache.prefetch(UnixTime::from_secs(NOW))).ready, 1);
    client
}

fn verifier(pool: &Pool, client: Client) -> Verifier {
    let algorithm = Algorithm::from_name(&pool.algorithm).unwrap();
    let policy = Policy::REDOX.algorithms(AlgorithmSet::of(&[algorithm]));
    let verifier = Verifier::builder(policy, FixedRegistry::new([client]).unwrap(), used_replay_store());
    verifier.audience(AUDIENCE).clock(clock()).build().unwrap()
}

/// A store in the midst of its work. One that is empty grows with its first few entries, and then hardly ever again.
fn used_replay_store() -> MemoryReplay {
    let store = MemoryReplay::new(100_000).unwrap();
    let (now, until) = (UnixTime::from_secs(NOW), UnixTime::from_secs(NOW + 300));
    for number in 0..4096 {
        let admission = store.admit(ReplayKey::new(CLIENT, &number.to_string()), until, now);
        assert!(matches!(admission, Answer::Ready(Ok(Admission::Fresh))));
    }
    store
}

pub(crate) fn guarded<S>(pool: &Pool, client: Client, inner: S) -> ClientAssertion<S> {
    use tower::Layer as _;
    ClientAssertionLayer::new(Arc::new(verifier(pool, client))).path("/token").unwrap().layer(inner)
}

fn answer<S>(service: &mut S, request: Request<Full<Bytes>>) -> S::Response
where
    S: Service<Request<Full<Bytes>>, Error = Infallible>,
{
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    now_or_never(service.call(request)).unwrap_or_else(|never| match never {})
}

/// Drops the request and answers with an empty response.
#[derive(Clone, Debug)]
pub(crate) struct Inner;

impl<B> Service<Request<B>> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(Full::default())))
    }
}
