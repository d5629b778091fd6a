//! Requests as vectors: for each code that a request by itself can provoke, at least one.
//! `tests/http/reasons.rs` has what provokes the other codes, such as a store that fails.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_client_assertion::VerifierBuilder;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::policy::{Algorithm, Limits, Policy};
use tower_client_assertion::port::{Answer, PortError};
use tower_client_assertion::registry::{Client, ClientRegistry, FindResult};
use tower_client_assertion::replay::{Admission, AdmitResult, ReplayKey, ReplayStore};
use tower_client_assertion::secret::ClientSecret;

use self::Server as S;
use super::attempt::{Attempt, Change, flip_signature};
use super::{CLIENT, Fixture, ISSUER, Jwt, NOW, SIGNER, Signer, client_with, fixture, with};

/// A request, the server that gets it, and the code of the refusal.
#[derive(Debug)]
pub struct Vector {
    /// Empty if the request is accepted.
    pub code: &'static str,
    /// What is special about the request. Unique among those of the same code.
    pub name: &'static str,
    pub server: Server,
    pub change: Change,
}

/// A server. All but the last few differ in their profile alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Redox,
    Rfc7523,
    Smart,
    Fapi2,
    Oidc,
    /// RFC 7523 with a required `typ` and a required `jti`.
    Strict,
    /// SMART, and the client is registered with ES384 alone.
    Pinned,
    /// RFC 7523, and the client has these keys.
    TwoKeys,
    /// Redox, and the client has two keys of one `kid`.
    TwinKeys,
    /// Redox, and the client's key has 1,024 bits.
    WeakKey,
    /// Redox, and the client has a secret.
    Secret,
    /// Redox, and every assertion is spent.
    Spent,
    /// Redox, and the registry fails.
    NoRegistry,
}

static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::es256("key-256"));
static OTHER: LazyLock<Signer> = LazyLock::new(|| Signer::es384("key-1"));
static RS384: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("RS384", "key-rsa"));
static HS384: LazyLock<Signer> = LazyLock::new(|| Signer::secret("HS384", SECRET.as_bytes()));

/// The secret of the client at [`Server::Secret`].
pub const SECRET: &str = "a-secret-of-forty-eight-bytes-for-hmac-sha-384..";

impl Server {
    /// The verifier, at [`NOW`]. `replay` is its store, unless the server is about its store.
    pub fn builder(self, replay: impl ReplayStore) -> VerifierBuilder {
        let fixture = match self {
            Self::Spent => self.fixture().replay(Spent),
            _ => self.fixture().replay(replay),
        };
        // With the default, a header that is too long makes the assertion too long.
        fixture.builder().limits(Limits::default().with_header(4_096))
    }

    fn fixture(self) -> Fixture {
        let redox = fixture();
        match self {
            Self::Redox | Self::Spent => redox,
            Self::Rfc7523 => redox.policy(Policy::RFC7523).at_issuer(),
            Self::Smart => redox.policy(Policy::SMART_BACKEND_SERVICES),
            Self::Fapi2 => redox.policy(Policy::FAPI2).at_issuer().keys(&[ES256.jwk()]),
            Self::Oidc => redox.policy(Policy::OIDC).at_issuer_and_url(),
            Self::Strict => redox.policy(Policy::RFC7523.require_typ().require_jti()).at_issuer(),
            Self::Pinned => {
                let keys = client_with(&[SIGNER.jwk(), RS384.jwk()]);
                let pinned = keys.with_signing_alg(Algorithm::from_name("ES384").unwrap()).unwrap();
                redox.policy(Policy::SMART_BACKEND_SERVICES).clients([pinned])
            }
            Self::TwoKeys => {
                let second = with(OTHER.jwk(), json!({"kid": "key-2"}));
                redox.policy(Policy::RFC7523).at_issuer().keys(&[SIGNER.jwk(), second])
            }
            Self::TwinKeys => redox.keys(&[SIGNER.jwk(), OTHER.jwk()]),
            Self::WeakKey => redox.keys(&[weak_key(), SIGNER.jwk()]),
            Self::Secret => redox.clients([Client::with_secret(CLIENT, ClientSecret::new(SECRET).unwrap()).unwrap()]),
            Self::NoRegistry => redox.registry(NoRegistry),
        }
    }

    /// A valid request to this server.
    fn attempt(self) -> Attempt {
        let signer: &'static Signer = match self {
            Self::Fapi2 => &ES256,
            Self::Secret => &HS384,
            _ => &SIGNER,
        };
        let mut attempt = Attempt::of(signer, Jwt::by(signer, CLIENT));
        if matches!(self, Self::Rfc7523 | Self::Fapi2 | Self::Oidc | Self::Strict | Self::TwoKeys) {
            attempt.claim("aud", ISSUER);
        }
        attempt
    }
}

impl Vector {
    /// The request in parts, which [`Attempt::request`] signs.
    pub fn attempt(&self) -> Attempt {
        let mut attempt = self.server.attempt();
        (self.change)(&mut attempt);
        attempt
    }
}

const fn vector(code: &'static str, name: &'static str, server: Server, change: Change) -> Vector {
    Vector { code, name, server, change }
}

/// All vectors, in the order of the checks.
#[rustfmt::skip]
pub const VECTORS: &[Vector] = &[
    vector("", "valid", S::Redox, |_| {}),
    vector("", "valid", S::Rfc7523, |_| {}),
    vector("", "valid", S::Smart, |_| {}),
    vector("", "valid", S::Fapi2, |_| {}),
    vector("", "valid", S::Oidc, |_| {}),
    vector("", "valid, with a secret", S::Secret, |_| {}),
    vector("", "aud is a URL", S::Oidc, |a| a.claim("aud", super::AUDIENCE)),
    vector("", "no exp", S::Redox, |a| a.drop_claim("exp")),
    vector("", "exp at its last second", S::Rfc7523, |a| a.claim("exp", NOW - 29)),
    vector("", "client_id", S::Redox, |a| a.parameter("client_id", CLIENT)),
    vector("", "a type in capitals, with a charset", S::Redox, |a| a.header("content-type", "APPLICATION/x-www-form-urlencoded; charset=utf-8")),

    vector("method", "GET", S::Redox, |a| a.method = "GET"),
    vector("method", "PUT, and a wrong aud", S::Redox, |a| { a.method = "PUT"; a.claim("aud", "x"); }),
    vector("content_encoding", "gzip", S::Redox, |a| a.header("content-encoding", "gzip")),
    vector("content_type", "JSON", S::Redox, |a| a.header("content-type", "application/json")),
    vector("content_type", "none", S::Redox, |a| a.headers.clear()),
    vector("charset", "UTF-16", S::Rfc7523, |a| a.header("content-type", "application/x-www-form-urlencoded; charset=utf-16")),
    vector("body_too_large", "64 KiB and more", S::Redox, |a| a.parameter("x", &"x".repeat(65_536))),
    vector("body_unreadable", "shorter than declared", S::Redox, |a| a.header("content-length", "60000")),
    vector("body_consumed", "declared and absent", S::Redox, |a| { a.form.clear(); a.header("content-length", "700"); }),

    vector("form_malformed", "an escape", S::Redox, |a| a.tail = "&client_id=%zz"),
    vector("form_malformed", "the assertion is no UTF-8", S::Rfc7523, |a| { a.drop_parameter("client_assertion"); a.tail = "&client_assertion=%ff"; }),
    vector("too_many_parameters", "101", S::Redox, |a| (0..98).for_each(|_| a.form.push(("x", String::from("1"))))),
    vector("parameter_repeated", "client_assertion", S::Rfc7523, |a| a.tail = "&client_assertion="),
    vector("parameter_repeated", "scope", S::Redox, |a| a.tail = "&scope=a&scope=a"),
    vector("credentials_in_query", "client_secret", S::Redox, |a| a.query = "?client_secret=x"),
    vector("grant_type_missing", "absent", S::Redox, |a| a.drop_parameter("grant_type")),
    vector("grant_type_unsupported", "password", S::Redox, |a| a.parameter("grant_type", "password")),
    vector("several_mechanisms", "a secret", S::Redox, |a| a.parameter("client_secret", "x")),
    vector("several_mechanisms", "Basic", S::Rfc7523, |a| a.header("authorization", "Basic eDp5")),
    vector("several_mechanisms", "an attestation", S::Rfc7523, |a| a.header("oauth-client-attestation", "x")),
    vector("no_authentication", "nothing", S::Redox, |a| { a.drop_parameter("client_assertion"); a.drop_parameter("client_assertion_type"); }),
    vector("no_authentication", "Bearer", S::Rfc7523, |a| { a.drop_parameter("client_assertion"); a.drop_parameter("client_assertion_type"); a.header("authorization", "Bearer x"); }),
    vector("assertion_type_missing", "absent", S::Redox, |a| a.drop_parameter("client_assertion_type")),
    vector("assertion_type_unsupported", "SAML", S::Redox, |a| a.parameter("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")),
    vector("assertion_missing", "absent", S::Redox, |a| a.drop_parameter("client_assertion")),

    vector("assertion_too_long", "16 KiB and more", S::Redox, |a| a.claim("x", "x".repeat(16_384))),
    vector("not_three_parts", "two", S::Redox, |a| a.mangle = |text| text.replacen('.', "", 1)),
    vector("not_three_parts", "five", S::Rfc7523, |a| a.mangle = |text| text + ".AA.AA"),
    vector("malformed", "padding", S::Rfc7523, |a| a.mangle = |text| text.replacen('.', "==.", 1)),
    vector("malformed", "a line break", S::Redox, |a| a.mangle = |text| text + "\n"),
    vector("malformed", "Bearer", S::Redox, |a| a.mangle = |text| format!("Bearer {text}")),
    vector("malformed", "claims that are an array", S::Rfc7523, |a| a.mangle = |_| SIGNER.sign("{\"alg\":\"ES384\"}", "[]")),
    vector("malformed", "alg twice", S::Rfc7523, |a| a.mangle = |_| SIGNER.sign("{\"alg\":\"ES384\",\"alg\":\"ES384\"}", "{}")),
    vector("header_too_long", "4 KiB and more", S::Redox, |a| a.jose("x5c", "x".repeat(4_096))),
    vector("encrypted", "enc", S::Redox, |a| a.jose("enc", "A128GCM")),

    vector("kid_missing", "absent", S::Redox, |a| a.drop_jose("kid")),
    vector("kid_missing", "a number", S::Redox, |a| a.jose("kid", 1)),
    vector("kid_too_long", "257 bytes", S::Redox, |a| a.jose("kid", "k".repeat(257))),
    vector("kid_invalid", "a tab", S::Redox, |a| a.jose("kid", "key\t1")),
    vector("alg_not_allowed", "none", S::Redox, |a| a.jose("alg", "none")),
    vector("alg_not_allowed", "ES256", S::Redox, |a| { a.jose("alg", "ES256"); a.signer = &ES256; }),
    vector("alg_not_allowed", "absent", S::Rfc7523, |a| a.drop_jose("alg")),
    vector("critical_header", "crit", S::Redox, |a| a.jose("crit", json!(["exp"]))),

    vector("iss_missing", "absent", S::Redox, |a| a.drop_claim("iss")),
    vector("iss_malformed", "a number", S::Redox, |a| a.claim("iss", 7)),
    vector("iss_malformed", "not ASCII", S::Rfc7523, |a| { a.claim("iss", "caf\u{e9}"); a.claim("sub", "caf\u{e9}"); }),
    vector("iss_too_long", "513 bytes", S::Redox, |a| { a.claim("iss", "c".repeat(513)); a.claim("sub", "c".repeat(513)); }),
    vector("client_id_mismatch", "another", S::Redox, |a| a.parameter("client_id", "clinic-8")),
    vector("sub_missing", "empty", S::Redox, |a| a.claim("sub", "")),
    vector("sub_malformed", "an array", S::Redox, |a| a.claim("sub", json!([CLIENT]))),
    vector("sub_unexpected", "a user", S::Redox, |a| a.claim("sub", "alice")),
    vector("jti_missing", "absent", S::Redox, |a| a.drop_claim("jti")),
    vector("jti_missing", "absent", S::Strict, |a| { a.drop_claim("jti"); a.jose("typ", "JWT"); }),
    vector("jti_malformed", "a number", S::Redox, |a| a.claim("jti", 1)),
    vector("jti_too_long", "257 bytes", S::Redox, |a| a.claim("jti", "j".repeat(257))),
    vector("aud_missing", "absent", S::Redox, |a| a.drop_claim("aud")),
    vector("aud_malformed", "a number", S::Redox, |a| a.claim("aud", 1)),
    vector("aud_malformed", "an array", S::Fapi2, |a| a.claim("aud", json!([ISSUER]))),
    vector("aud_unexpected", "a slash at its end", S::Redox, |a| a.claim("aud", format!("{}/", super::AUDIENCE))),
    vector("aud_unexpected", "the URL of the token endpoint", S::Rfc7523, |a| a.claim("aud", super::AUDIENCE)),
    vector("aud_unexpected", "another server as well", S::Oidc, |a| a.claim("aud", json!([ISSUER, "https://other.example"]))),
    vector("aud_too_long", "nine values", S::Redox, |a| a.claim("aud", vec![super::AUDIENCE; 9])),
    vector("typ_missing", "absent", S::Strict, |a| a.drop_jose("typ")),
    vector("typ_malformed", "a number", S::Redox, |a| a.jose("typ", 1)),
    vector("typ_unexpected", "an access token", S::Redox, |a| a.jose("typ", "at+jwt")),
    vector("iat_missing", "absent", S::Redox, |a| a.drop_claim("iat")),
    vector("iat_malformed", "a string", S::Redox, |a| a.claim("iat", NOW.to_string())),
    vector("iat_past", "a second too old", S::Redox, |a| a.claim("iat", NOW - 311)),
    vector("iat_future", "a second too early", S::Redox, |a| a.claim("iat", NOW + 11)),
    vector("nbf_malformed", "a string", S::Redox, |a| a.claim("nbf", NOW.to_string())),
    vector("nbf_future", "a second too early", S::Redox, |a| a.claim("nbf", NOW + 11)),
    vector("exp_missing", "absent", S::Rfc7523, |a| a.drop_claim("exp")),
    vector("exp_malformed", "a string", S::Rfc7523, |a| a.claim("exp", NOW.to_string())),
    vector("exp_past", "a second too late", S::Rfc7523, |a| a.claim("exp", NOW - 30)),
    vector("exp_future", "milliseconds", S::Rfc7523, |a| a.claim("exp", NOW * 1_000)),
    vector("exp_future", "a second too far", S::Rfc7523, |a| a.claim("exp", NOW + 3_631)),

    vector("registry", "its database is down", S::NoRegistry, |_| {}),
    vector("unknown_client", "another", S::Redox, |a| { a.claim("iss", "clinic-8"); a.claim("sub", "clinic-8"); }),
    vector("method_not_registered", "a secret instead of a key", S::Redox, |a| { a.jose("alg", "HS384"); a.signer = &HS384; }),
    vector("method_not_registered", "a key instead of a secret", S::Secret, |a| { a.jose("alg", "ES384"); a.jose("kid", "key-1"); a.signer = &SIGNER; }),
    vector("alg_not_registered", "RS384", S::Pinned, |a| { a.jose("alg", "RS384"); a.jose("kid", "key-rsa"); a.signer = &RS384; }),
    vector("key_set_url", "inline keys, and a jku", S::Smart, |a| a.jose("jku", "https://clinic.example/jwks.json")),
    vector("no_key", "another kid", S::Redox, |a| a.jose("kid", "key-2")),
    vector("ambiguous_key", "two keys of one kid", S::TwinKeys, |_| {}),
    vector("kid_needed", "two keys, and no kid", S::TwoKeys, |a| a.drop_jose("kid")),
    vector("weak_key", "1,024 bits", S::WeakKey, |a| { a.jose("alg", "RS384"); a.jose("kid", "weak"); a.signer = &RS384; }),
    vector("replayed", "spent before", S::Spent, |_| {}),
    vector("signature_length", "a byte too short", S::Redox, |a| a.mangle = |text| text[..text.len() - 4].to_owned()),
    vector("bad_signature", "a bit of it", S::Redox, |a| a.mangle = flip_signature),
    vector("bad_signature", "another key", S::Rfc7523, |a| a.signer = &OTHER),
    vector("bad_signature", "another secret", S::Secret, |a| a.mangle = flip_signature),
];

/// An RSA key that is published, but too weak to be used.
fn weak_key() -> Value {
    json!({"kty": "RSA", "kid": "weak", "alg": "RS384", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xff; 128])})
}

/// A store in which every assertion is spent.
#[derive(Debug)]
struct Spent;

impl ReplayStore for Spent {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        Some(true)
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Ok(Admission::Replayed))
    }

    fn admissions_per_client(&self) -> usize {
        1
    }
}

/// A registry whose answer is an error.
#[derive(Debug)]
pub struct NoRegistry;

impl ClientRegistry for NoRegistry {
    fn find(&self, _: &str) -> Answer<FindResult> {
        Answer::Ready(Err(PortError::new("the database is down")))
    }
}
