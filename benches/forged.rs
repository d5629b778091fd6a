//! What a forged request costs, for each kind of key that a client can register. A client chooses
//! its keys, and anyone who knows its id can send signatures that do not verify. Also what it costs
//! to read a key set.
//!
//! `benches/check.sh` runs this program under callgrind and compares the instructions with the
//! baseline. By itself it does everything once, to see that it still works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{CLIENT, ISSUER, Jwt, Signer, client_with, form, now_or_never};
use serde_json::{Value, json};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::policy::AlgorithmSet;
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::rejection::{ClientFault, RejectionKind};
use tower_client_assertion::{Policy, TokenRequest, Verifier};

/// Algorithm, bits of an RSA key, and number of keys that share the `kid`.
const KINDS: [&str; 13] = [
    "RS256-2048-x1",
    "RS256-2048-x4",
    "RS256-3072-x4",
    "RS256-4096-x4",
    "RS256-8192-x4",
    "PS512-8192-x4",
    "ES256-x4",
    "ES384-x4",
    "ES512-x4",
    "EdDSA-x4",
    "ML-DSA-44-x4",
    "ML-DSA-65-x4",
    "ML-DSA-87-x4",
];

/// Key sets to read.
const SETS: [&str; 3] = ["RS256-8192-x100", "ES512-x100", "EdDSA-x100"];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--kinds", ..] => KINDS.iter().for_each(|kind| println!("{kind}")),
        ["--sets", ..] => SETS.iter().for_each(|kind| println!("{kind}")),
        ["--forged", kind, count] => Forgery::of(kind).run(count.parse().unwrap()),
        ["--parsed", kind, count] => Document::of(kind).run(count.parse().unwrap()),
        _ => {
            KINDS.iter().for_each(|kind| Forgery::of(kind).run(1));
            SETS.iter().for_each(|kind| Document::of(kind).run(1));
        }
    }
}

/// The keys of a kind, and an assertion by none of them.
fn keys_of(kind: &str) -> (Vec<Value>, String) {
    let (key, count) = kind.rsplit_once("-x").unwrap();
    let jwks = (1..=count.parse().unwrap()).map(|number| Stranger::of(key, number).jwk).collect();
    (jwks, Stranger::of(key, 0).assertion)
}

/// A key set as text.
struct Document {
    text: String,
    keys: usize,
}

impl Document {
    fn of(kind: &str) -> Self {
        let jwks = keys_of(kind).0;
        Self { keys: jwks.len(), text: json!({ "keys": jwks }).to_string() }
    }

    fn run(&self, count: usize) {
        self.parse(count);
        self.counted(count);
    }

    #[inline(never)]
    fn counted(&self, count: usize) {
        self.parse(count);
    }

    fn parse(&self, count: usize) {
        for _ in 0..count {
            assert_eq!(KeySet::parse(self.text.as_bytes()).unwrap().len(), self.keys);
        }
    }
}

/// A client whose keys are all of one kind, and a request that none of them has signed.
struct Forgery {
    verifier: Verifier,
    form: String,
}

impl Forgery {
    fn of(kind: &str) -> Self {
        let (jwks, assertion) = keys_of(kind);
        let policy = Policy::RFC7523.with_algorithms(AlgorithmSet::ASYMMETRIC);
        let registry = FixedRegistry::new([client_with(&jwks)]).unwrap();
        let verifier = Verifier::builder(policy, registry, common::store()).issuer(ISSUER).clock(common::clock());
        Self { verifier: verifier.build().unwrap(), form: form(&assertion) }
    }

    /// Sends the request this often to warm up, and as often again that callgrind counts.
    fn run(&self, count: usize) {
        self.send(count);
        self.counted(count);
    }

    /// The function that callgrind is told to count, by its name.
    #[inline(never)]
    fn counted(&self, count: usize) {
        self.send(count);
    }

    fn send(&self, count: usize) {
        for _ in 0..count {
            let rejection = now_or_never(self.verifier.verify(&TokenRequest::new(self.form.as_bytes()))).unwrap_err();
            assert_eq!(*rejection.kind(), RejectionKind::Client(ClientFault::BadSignature));
        }
    }
}

/// A key, and an assertion that it may have signed.
struct Stranger {
    jwk: Value,
    assertion: String,
}

impl Stranger {
    fn of(key: &str, number: u8) -> Self {
        let signer = match key {
            "ES256" => Signer::es256("k"),
            "ES384" => Signer::es384("k"),
            "ES512" => Signer::es512("k"),
            "EdDSA" => Signer::ed25519("EdDSA", "k"),
            "ML-DSA-44" => Signer::ml_dsa("ML-DSA-44", "k"),
            "ML-DSA-65" => Signer::ml_dsa("ML-DSA-65", "k"),
            "ML-DSA-87" => Signer::ml_dsa("ML-DSA-87", "k"),
            rsa => return Self::rsa(rsa, number),
        };
        let assertion = Jwt::by(&signer, CLIENT).claim("aud", ISSUER).signed_by(&signer);
        Self { jwk: signer.jwk(), assertion }
    }

    /// Any odd number looks like a modulus, and any smaller one like a signature. Generating a real
    /// key of 8192 bits takes a minute.
    fn rsa(key: &str, number: u8) -> Self {
        let (alg, bits) = key.split_once('-').unwrap();
        let bytes = bits.parse::<usize>().unwrap() / 8;
        let (mut n, signature) = (vec![number; bytes], vec![0x5A; bytes]);
        (n[0], n[bytes - 1]) = (0xFF, 1);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let claims = Jwt::new().claim("aud", ISSUER).claims;
        let header = json!({"alg": alg, "kid": "k", "typ": "JWT"}).to_string();
        let claims = serde_json::to_string(&claims).unwrap();
        let assertion = [encode(header.as_bytes()), encode(claims.as_bytes()), encode(&signature)].join(".");
        Self { jwk: json!({"kty": "RSA", "kid": "k", "n": encode(&n), "e": "AQAB"}), assertion }
    }
}
