//! Requests that differ from the vectors in random ways, always the same for a seed.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri};
use serde_json::{Value, json};

use crate::common::attempt::Attempt;
use crate::common::vectors::{VECTORS, Vector};
use crate::common::{AUDIENCE, CLIENT, ISSUER, NOW};
use crate::layer::whole;
use crate::servers::TestServer;

/// The generator that is known as SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// A request for `server`, and the time at which it comes.
pub(crate) fn request(random: &mut Random, server: &TestServer) -> (Request<Bytes>, u64) {
    let fitting: Vec<&Vector> = VECTORS.iter().filter(|vector| vector.server == server.base).collect();
    let plain = |vectors: &[&'static Vector]| vectors.iter().copied().find(|vector| vector.code.is_empty());
    let base = match plain(&fitting) {
        Some(plain) if !random.one_in(4) => plain,
        _ if fitting.is_empty() => &VECTORS[0],
        _ => random.pick(&fitting),
    };
    let mut attempt = base.attempt();
    for _ in 0..random.below(4) {
        change(random, &mut attempt);
    }
    let mut request = whole(attempt.request());
    for _ in 0..random.below(3) {
        change_request(random, &mut request);
    }
    let times =
        [NOW, NOW, NOW, NOW + 1, NOW - 31, NOW + 299, NOW + 331, NOW + 400, 0, 1 << 60, NOW + 86_400, NOW - 300];
    (request, random.pick(&times))
}

fn change(random: &mut Random, attempt: &mut Attempt) {
    match random.below(10) {
        0 => attempt.method = random.pick(&["GET", "POST", "PUT"]),
        1 => attempt.query = random.pick(&["?a=1", "?client_id=x", "?client_secret=x", "?%zz", "?client_assertion"]),
        2 => header(random, attempt),
        3 | 4 => parameter(random, attempt),
        5 | 6 => claim(random, attempt),
        7 => jose(random, attempt),
        8 => {
            let names = ["alg", "kid", "typ", "iss", "sub", "jti", "aud", "iat", "nbf", "exp"];
            let name = random.pick(&names);
            attempt.drop_claim(name);
            attempt.drop_jose(name);
        }
        _ => attempt.tail = random.pick(&["&", "&scope=a&scope=b", "&=&=&", "&client_id=", "&%63lient_id=x", "&x=%zz"]),
    }
}

fn header(random: &mut Random, attempt: &mut Attempt) {
    let headers = [
        ("content-type", "application/json"),
        ("content-type", "application/x-www-form-urlencoded; charset=latin1"),
        ("content-type", "application/x-www-form-urlencoded; charset=UTF-8"),
        ("content-encoding", "gzip"),
        ("content-length", "7"),
        ("content-length", "700000"),
        ("transfer-encoding", "chunked"),
        ("authorization", "Basic Y2xpbmljLTc6aHVzaC1odXNo"),
        ("authorization", "Bearer "),
        ("authorization", "DPoP x"),
        ("oauth-client-attestation", "x"),
    ];
    let (name, value) = random.pick(&headers);
    if random.one_in(8) { attempt.headers.clear() } else { attempt.header(name, value) }
}

fn parameter(random: &mut Random, attempt: &mut Attempt) {
    let names = ["grant_type", "client_assertion_type", "client_assertion", "client_id", "client_secret", "scope"];
    let name = random.pick(&names);
    let values = [
        "",
        " ",
        CLIENT,
        "clinic-8",
        "client_credentials",
        "refresh_token",
        "urn:example:posted",
        "a.b.c",
        "e30.e30.AAAA",
        "eyJhbGciOiJub25lIn0.e30.",
        "hush-hush-a-secret-value",
        "\u{e9}",
    ];
    // A public value is no secret.
    let values = if name == "client_secret" { &values[values.len() - 2..] } else { &values };
    match random.below(3) {
        0 => attempt.drop_parameter(name),
        1 => attempt.parameter(name, random.pick(values)),
        _ => attempt.form.push((name, random.pick(values).to_owned())),
    }
}

fn claim(random: &mut Random, attempt: &mut Attempt) {
    let names = ["iss", "sub", "jti", "aud", "iat", "nbf", "exp", "extra"];
    let name = random.pick(&names);
    attempt.claim(name, value(random));
}

fn jose(random: &mut Random, attempt: &mut Attempt) {
    let names = ["alg", "kid", "typ", "jku", "crit", "b64", "enc", "cty", "x5c"];
    let name = random.pick(&names);
    let algorithms = ["ES384", "RS384", "HS384", "HS256", "none", "ES256", "PS384", "EdDSA", "es384"];
    let value = if name == "alg" { json!(random.pick(&algorithms)) } else { value(random) };
    attempt.jose(name, value);
}

fn value(random: &mut Random) -> Value {
    let offsets =
        [-86_400_i64, -331, -330, -301, -300, -31, -30, -29, -1, 0, 1, 10, 30, 31, 300, 330, 331, 400, 86_400];
    match random.below(12) {
        0 => Value::Null,
        1 => json!(""),
        2 => json!(CLIENT),
        3 => json!("clinic-8"),
        4 => json!(random.pick(&[ISSUER, AUDIENCE, "https://as.example.com/"])),
        5 => json!([random.pick(&[ISSUER, AUDIENCE]), random.pick(&[ISSUER, AUDIENCE, "x"])]),
        6 | 7 => json!(NOW.saturating_add_signed(random.pick(&offsets))),
        8 => json!(NOW as f64 + 0.5),
        9 => json!(random.pick(&["key-1", "key-2", "key-9", "client-authentication+jwt", "JWT", "at+jwt", "a\nb"])),
        10 => json!("x".repeat(random.pick(&[8, 9, 256, 257, 512, 513]))),
        _ => json!({"a": [1]}),
    }
}

/// Changes the request as it is sent.
fn change_request(random: &mut Random, request: &mut Request<Bytes>) {
    let mut body = request.body().to_vec();
    let at = random.below(body.len().max(1));
    match random.below(9) {
        0 if !body.is_empty() => body[at] = random.number() as u8,
        1 if !body.is_empty() => drop(body.remove(at)),
        2 => body.insert(at.min(body.len()), random.pick(b".%&=+ -_A\n\xff")),
        3 => body.truncate(at),
        4 if !body.is_empty() => body[at] ^= 1,
        5 => body.extend_from_slice(
            random.pick(&["&client_id=clinic-7", "&client_secret=hush-hush-hush-hush", "=", "."]).as_bytes(),
        ),
        6 => *request.method_mut() = random.pick(&[Method::POST, Method::GET]),
        7 => *request.uri_mut() = Uri::from_static(random.pick(&["/v2/auth/token", "/v2/auth/token?x=1", "/other"])),
        _ => {
            let length = HeaderValue::from(body.len() + random.below(2));
            request.headers_mut().insert("content-length", length);
        }
    }
    *request.body_mut() = body.into();
}
