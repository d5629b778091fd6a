//! Assertions that are signed beforehand, so that signing is never measured.
//!
//! A pool can be saved and loaded again. Elliptic curve checks take a different number of steps for each key and signature,
//! so instruction counts can only be compared if all of them are of the same pool.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{CLIENT, Jwt, Signer};

/// The longest batch that a pool serves: every accepted request needs a `jti` of its own.
pub(crate) const SIZE: usize = 512;

/// What is measured, by name: that of the algorithm, and of the size of its key where there are two.
pub(crate) const ALGORITHMS: [&str; 9] =
    ["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS384-4096", "PS256", "HS256", "ML-DSA-44"];

/// The secret of the client that signs with one.
pub(crate) const SECRET: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

/// One algorithm's key and assertions.
#[derive(serde::Deserialize, serde::Serialize)]
pub(crate) struct Pool {
    pub(crate) name: String,
    /// None where the key is [`SECRET`].
    pub(crate) jwk: Option<Value>,
    pub(crate) good: Vec<String>,
}

impl Pool {
    pub(crate) fn mint(name: &str, size: usize) -> Self {
        let signer = signer(name);
        let good = (0..size).map(|number| jwt(&signer, number).signed_by(&signer)).collect();
        Self { name: name.to_owned(), jwk: (name != "HS256").then(|| signer.jwk()), good }
    }

    /// The JOSE name.
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

/// An ordinary assertion: its `jti` has the length of a UUID, and its `exp` lies in the future of `jsonwebtoken` too, which
/// cannot be given a clock.
fn jwt(signer: &Signer, number: usize) -> Jwt {
    let jti = format!("0f8fad5b-d9cb-469f-a165-{number:012x}");
    Jwt::by(signer, CLIENT).claim("jti", jti).claim("exp", 4_000_000_000_u64)
}
