//! Requests that are refused before the signature check, one for each reason, in the order of the
//! checks. None of them has a valid signature, so each of these refusals shows that the signature
//! was not checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::request::Builder;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tower_client_assertion::rejection::{
    Base64UrlFault, Claim, ClaimFault, ClientFault, JsonFault, JsonPart, JwtPart, Parameter,
};

use super::pool::Pool;
use crate::common::{NOW, form};

/// A kind of request that is refused.
pub(crate) struct Refusal {
    pub(crate) name: &'static str,
    pub(crate) fault: ClientFault,
    make: Make,
}

enum Make {
    /// Changes the head of a valid request.
    Head(fn(Builder) -> Builder),
    /// Changes a valid form.
    Body(fn(&str) -> String),
    /// Replaces the assertion in a valid form.
    Assertion(fn(&str) -> String),
    /// Changes the header and the claims of a valid assertion.
    Parts(fn(&mut Map<String, Value>, &mut Map<String, Value>)),
}

use Make::{Assertion, Body, Head, Parts};

const fn refusal(name: &'static str, fault: ClientFault, make: Make) -> Refusal {
    Refusal { name, fault, make }
}

const fn claim(name: &'static str, claim: Claim, fault: ClaimFault, make: Make) -> Refusal {
    refusal(name, ClientFault::Claim(claim, fault), make)
}

pub(crate) static REFUSALS: [Refusal; 35] = [
    refusal("method", ClientFault::Method, Head(|head| head.method(Method::PUT))),
    refusal("content-encoding", ClientFault::ContentEncoding, Head(|head| head.header("content-encoding", "gzip"))),
    refusal("content-type", ClientFault::ContentType, Head(|head| head.header("content-type", "application/json"))),
    refusal("content-length", ClientFault::BodyTooLarge, Head(|head| head.header("content-length", "70000"))),
    refusal(
        "query-credentials",
        ClientFault::CredentialsInQuery,
        Head(|head| head.uri("/token?client_assertion=a.b.c")),
    ),
    refusal("empty", ClientFault::MissingGrantType, Body(|_| String::new())),
    refusal("random-600", ClientFault::MissingGrantType, Body(|_| noise(600))),
    refusal("junk-16k", ClientFault::MissingGrantType, Body(|_| "x".repeat(16 * 1024))),
    refusal("parameters-1000", ClientFault::TooManyParameters, Body(|_| "a=1&b=2&".repeat(500))),
    refusal(
        "parameters-100",
        ClientFault::MissingGrantType,
        Body(|_| "a=1&b=2&".repeat(50).trim_end_matches('&').into()),
    ),
    refusal("bad-escape", ClientFault::FormMalformed, Body(|form| form.replace("client_credentials", "client%zz"))),
    refusal(
        "repeated",
        ClientFault::RepeatedParameter(Parameter::GrantType),
        Body(|form| format!("{form}&grant_type=a")),
    ),
    refusal(
        "grant-type",
        ClientFault::UnsupportedGrantType,
        Body(|form| form.replace("client_credentials", "password")),
    ),
    refusal("secret-too", ClientFault::SeveralMechanisms(None), Body(|form| format!("{form}&client_secret=s"))),
    refusal("no-assertion", ClientFault::NoAuthentication(None), Body(|_| "grant_type=client_credentials".into())),
    refusal(
        "assertion-type",
        ClientFault::UnsupportedAssertionType,
        Body(|form| form.replace("jwt-bearer", "saml2-bearer")),
    ),
    refusal("assertion-17k", ClientFault::AssertionTooLong, Assertion(|_| "a".repeat(17 * 1024))),
    refusal("not-three-parts", ClientFault::NotThreeParts, Assertion(|_| "bm90IGEgand0.bm90IGEgand0".into())),
    refusal("no-parts-16k", ClientFault::NotThreeParts, Assertion(|_| "a".repeat(16 * 1024 - 200))),
    refusal(
        "bad-base64",
        ClientFault::NotBase64Url(JwtPart::Header, Base64UrlFault::Character),
        Assertion(|good| good.replacen("eyJ", "eyJ*", 1)),
    ),
    refusal(
        "not-json",
        ClientFault::NotJsonObject(JsonPart::Header, JsonFault::Syntax),
        Assertion(|_| "bm90IGEgand0.bm90IGEgand0.bm90IGEgand0".into()),
    ),
    refusal(
        "nested-3000",
        ClientFault::NotJsonObject(JsonPart::Claims, JsonFault::NotAnObject),
        Assertion(|good| with_claims(good, &"[".repeat(3000))),
    ),
    refusal(
        "repeated-claim",
        ClientFault::NotJsonObject(JsonPart::Claims, JsonFault::RepeatedMember),
        Assertion(|good| with_claims(good, r#"{"iss":"a","iss":"b"}"#)),
    ),
    refusal("no-kid", ClientFault::KidMissing, Parts(|header, _| drop(header.remove("kid")))),
    refusal("alg-none", ClientFault::AlgorithmNotAllowed, Parts(|header, _| set(header, "alg", json!("none")))),
    refusal("crit", ClientFault::CriticalHeader, Parts(|header, _| set(header, "crit", json!(["exp"])))),
    claim(
        "other-subject",
        Claim::Sub,
        ClaimFault::Unexpected,
        Parts(|_, claims| set(claims, "sub", json!("clinic-8"))),
    ),
    claim("no-jti", Claim::Jti, ClaimFault::Missing, Parts(|_, claims| drop(claims.remove("jti")))),
    claim(
        "wrong-audience",
        Claim::Aud,
        ClaimFault::Unexpected,
        Parts(|_, claims| set(claims, "aud", json!("https://other.example.com/token"))),
    ),
    claim("expired", Claim::Exp, ClaimFault::Past, Parts(|_, claims| set(claims, "exp", json!(NOW - 60)))),
    claim(
        "expired-16k",
        Claim::Exp,
        ClaimFault::Past,
        Parts(|_, claims| {
            set(claims, "exp", json!(NOW - 60));
            set(claims, "note", json!("n".repeat(11_700)));
        }),
    ),
    claim("stale", Claim::Iat, ClaimFault::Past, Parts(|_, claims| set(claims, "iat", json!(NOW - 3600)))),
    refusal(
        "unknown-client",
        ClientFault::UnknownClient,
        Parts(|_, claims| {
            set(claims, "iss", json!("clinic-8"));
            set(claims, "sub", json!("clinic-8"));
        }),
    ),
    refusal("unknown-kid", ClientFault::NoKey, Parts(|header, _| set(header, "kid", json!("key-2")))),
    refusal("replayed", ClientFault::Replayed, Assertion(str::to_owned)),
];

impl Refusal {
    pub(crate) fn request(&self, pool: &Pool) -> Request<Full<Bytes>> {
        let good = &pool.good[0];
        let body = match self.make {
            Head(_) => form(good),
            Body(make) => make(&form(good)),
            Assertion(make) => form(&make(good)),
            Parts(change) => form(&changed(good, change)),
        };
        let mut request = Request::post("/token").header(header::HOST, "api.example.com");
        if let Head(change) = self.make {
            request = change(request);
        }
        let has = |name| request.headers_ref().is_some_and(|headers| headers.contains_key(name));
        let (typed, sized) = (has(header::CONTENT_TYPE), has(header::CONTENT_LENGTH));
        if !typed {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if !sized {
            request = request.header(header::CONTENT_LENGTH, body.len());
        }
        request.body(Full::new(body.into())).unwrap()
    }
}

fn set(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}

/// Returns letters without a separator, the same in every run.
fn noise(len: u64) -> String {
    let letter = |number: u64| char::from(b'a' + (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8 % 26);
    (0..len).map(letter).collect()
}

fn with_claims(good: &str, claims: &str) -> String {
    let parts: Vec<_> = good.split('.').collect();
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims), parts[2])
}

fn changed(good: &str, change: fn(&mut Map<String, Value>, &mut Map<String, Value>)) -> String {
    let parts: Vec<_> = good.split('.').collect();
    let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let (mut header, mut claims) = (read(parts[0]), read(parts[1]));
    change(&mut header, &mut claims);
    let written = |object| URL_SAFE_NO_PAD.encode(serde_json::to_vec(object).unwrap());
    format!("{}.{}.{}", written(&header), written(&claims), parts[2])
}
