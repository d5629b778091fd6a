//! Assertions that are signed beforehand, so that signing is never measured.
//!
//! A pool can be saved and loaded. Elliptic-curve checks take a different number of steps for each
//! key and signature, so instruction counts can only be compared if they come from one pool.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{CLIENT, Jwt, Signer};

/// The longest batch. Each accepted request needs a different `jti`.
pub(crate) const SIZE: usize = 512;

/// The algorithms that are measured. If an algorithm has two key sizes, its name includes the size.
pub(crate) const ALGORITHMS: [&str; 9] =
    ["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS384-4096", "PS256", "HS256", "ML-DSA-44"];

/// The secret for HS256.
pub(crate) const SECRET: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

/// The key and the assertions of one algorithm.
#[derive(serde::Deserialize, serde::Serialize)]
pub(crate) struct Pool {
    pub(crate) name: String,
    /// `None` if the key is [`SECRET`].
    pub(crate) jwk: Option<Value>,
    pub(crate) good: Vec<String>,
}

impl Pool {
    pub(crate) fn mint(name: &str, size: usize) -> Self {
        let signer = signer(name);
        let good = (0..size).map(|number| jwt(&signer, number).signed_by(&signer)).collect();
        Self { name: name.to_owned(), jwk: (name != "HS256").then(|| signer.jwk()), good }
    }

    /// Returns the algorithm's name in JOSE.
    pub(crate) fn algorithm(&self) -> &str {
        self.name.strip_suffix("-4096").unwrap_or(&self.name)
    }

    pub(crate) fn save(&self, directory: &Path) {
        std::fs::write(directory.join(&self.name), json!(self).to_string()).unwrap();
    }

    pub(crate) fn load(directory: &Path, name: &str) -> Self {
        serde_json::from_slice(&std::fs::read(directory.join(name)).unwrap()).unwrap()
    }
}

fn signer(name: &str) -> Signer {
    match name {
        "ES256" => Signer::es256("key-1"),
        "ES384" => Signer::es384("key-1"),
        "EdDSA" => Signer::ed25519("EdDSA", "key-1"),
        "RS256" => Signer::rsa("RS256", "key-1"),
        "RS384" => Signer::rsa("RS384", "key-1"),
        "RS384-4096" => Signer::rsa_of("RS384", "key-1", aws_lc_rs::rsa::KeySize::Rsa4096),
        "PS256" => Signer::rsa("PS256", "key-1"),
        "HS256" => Signer::secret("HS256", SECRET.as_bytes()),
        "ML-DSA-44" => Signer::ml_dsa("ML-DSA-44", "key-1"),
        other => panic!("{other} is not measured"),
    }
}

/// Makes an ordinary assertion. Its `jti` has the length of a UUID. Its `exp` is also in the future
/// of the system clock, which `jsonwebtoken` uses.
fn jwt(signer: &Signer, number: usize) -> Jwt {
    let jti = format!("0f8fad5b-d9cb-469f-a165-{number:012x}");
    Jwt::by(signer, CLIENT).claim("jti", jti).claim("exp", 4_000_000_000_u64)
}
