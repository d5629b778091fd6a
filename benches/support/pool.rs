//! Assertions that are signed beforehand, so that signing is never measured: many good ones, and one for each refusal.
//!
//! A pool can be saved and loaded again. Elliptic curve checks take a different number of steps for each key and signature,
//! so instruction counts can only be compared if all of them are of the same pool.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{CLIENT, Jwt, Signer};

/// The longest batch that a pool serves: every accepted request needs a `jti` of its own.
pub(crate) const SIZE: usize = 512;

/// The names of the algorithms that are measured.
pub(crate) const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "EdDSA", "RS384", "PS256"];

/// One algorithm's key and assertions.
#[derive(serde::Deserialize, serde::Serialize)]
pub(crate) struct Pool {
    pub(crate) algorithm: String,
    pub(crate) jwk: Value,
    pub(crate) good: Vec<String>,
    pub(crate) expired: String,
    pub(crate) wrong_audience: String,
    pub(crate) unknown_client: String,
}

impl Pool {
    pub(crate) fn mint(algorithm: &'static str, size: usize) -> Self {
        let signer = match algorithm {
            "ES256" => Signer::es256("key-1"),
            "ES384" => Signer::es384("key-1"),
            "EdDSA" => Signer::ed25519("EdDSA", "key-1"),
            _ => Signer::rsa(algorithm, "key-1"),
        };
        let jwt = |number: usize, client: &str| jwt(&signer, number, client);
        Self {
            algorithm: algorithm.to_owned(),
            jwk: signer.jwk(),
            good: (0..size).map(|number| jwt(number, CLIENT).signed_by(&signer)).collect(),
            expired: jwt(0, CLIENT).claim("exp", 1_600_000_000).signed_by(&signer),
            wrong_audience: jwt(0, CLIENT).claim("aud", "https://api.example.com/v2/auth/other").signed_by(&signer),
            unknown_client: jwt(0, "clinic-8").signed_by(&signer),
        }
    }

    pub(crate) fn save(&self, directory: &Path) {
        std::fs::write(directory.join(&self.algorithm), json!(self).to_string()).unwrap();
    }

    pub(crate) fn load(directory: &Path, algorithm: &str) -> Self {
        serde_json::from_slice(&std::fs::read(directory.join(algorithm)).unwrap()).unwrap()
    }
}

/// An ordinary assertion: its `jti` has the length of a UUID, and its `exp` lies in the future of `jsonwebtoken` too, which
/// cannot be given a clock.
fn jwt(signer: &Signer, number: usize, client: &str) -> Jwt {
    let jti = format!("0f8fad5b-d9cb-469f-a165-{number:012x}");
    Jwt::by(signer, client).claim("jti", jti).claim("exp", 4_000_000_000_u64)
}
