//! What an assertion costs a client: the bare signature with a parsed key, the minter, and
//! `jsonwebtoken::encode`, which parses the key for each signature. The same claims, interleaved.
//!
//! - `cargo bench --bench mint` measures, in half a minute.
//! - `cargo test --bench mint` runs everything once, to see that it still works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use tower_client_assertion::Policy;
use tower_client_assertion::mint::{Minter, Signature, Signer, SigningKey};
use tower_client_assertion::policy::Algorithm;
use tower_client_assertion::port::Answer;

const ISSUER: &str = "https://as.example.com";

/// With the name that `jsonwebtoken` has for the algorithm, if it has one.
const ALGORITHMS: [(Algorithm, Option<jsonwebtoken::Algorithm>); 5] = [
    (Algorithm::ES256, Some(jsonwebtoken::Algorithm::ES256)),
    (Algorithm::ES384, Some(jsonwebtoken::Algorithm::ES384)),
    (Algorithm::EdDSA, Some(jsonwebtoken::Algorithm::EdDSA)),
    (Algorithm::RS384, Some(jsonwebtoken::Algorithm::RS384)),
    (Algorithm::MlDsa44, None),
];

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 400 } else { 1 };
    println!("| | bare ns | mint ns | over bare | `encode` ns | `encode` / mint | allocations: bare, mint, `encode` |");
    println!("|---|--:|--:|--:|--:|--:|---|");
    for (algorithm, theirs) in ALGORITHMS {
        let key = SigningKey::generate(algorithm).unwrap();
        let minter = Minter::builder(Policy::RFC7523, "clinic-7", key.clone()).issuer(ISSUER).build().unwrap();
        let input = [b'a'; 300];
        let bare = || drop(black_box(sign(&key, &input)));
        let mint = || drop(black_box(minted(&minter)));
        let encode = theirs.map(|theirs| encoder(&key, theirs));
        let encode = || encode.iter().for_each(|encode| drop(black_box(encode())));
        // The first signature of a minter is checked.
        mint();
        let allocations = [&bare as &dyn Fn(), &mint, &encode].map(|run| allocation_counter::measure(run).count_total);
        let mut times = [f64::MAX; 3];
        for _ in 0..rounds {
            for (time, run) in times.iter_mut().zip([&bare as &dyn Fn(), &mint, &encode]) {
                *time = time.min(nanoseconds(run));
            }
        }
        let ([bare, mint, encode], [a, b, c]) = (times, allocations);
        print!("| {algorithm} | {bare:.0} | {mint:.0} | {:+.0} | ", mint - bare);
        match theirs {
            Some(_) => println!("{encode:.0} | {:.2} | {a}, {b}, {c} |", encode / mint),
            None => println!("none | | {a}, {b} |"),
        }
    }
}

/// The mean of a few calls.
fn nanoseconds(run: &dyn Fn()) -> f64 {
    const CALLS: u32 = 8;
    let start = Instant::now();
    (0..CALLS).for_each(|_| run());
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn sign(key: &SigningKey, input: &[u8]) -> Signature {
    match Signer::sign(key, input) {
        Answer::Ready(signature) => signature.unwrap(),
        Answer::Pending(_) => panic!("the key is in memory"),
    }
}

fn minted(minter: &Minter) -> String {
    match minter.mint() {
        Answer::Ready(assertion) => assertion.unwrap().expose(),
        Answer::Pending(_) => panic!("the key is in memory"),
    }
}

fn encoder(key: &SigningKey, algorithm: jsonwebtoken::Algorithm) -> impl Fn() -> String {
    use jsonwebtoken::Algorithm::{EdDSA, RS384};
    let pem = key.to_pem().unwrap();
    let base64: String = pem.expose().lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(base64).unwrap();
    let private = match algorithm {
        // The key is behind a version, an algorithm of 15 octets and an octet string.
        RS384 => EncodingKey::from_rsa_der(&der[26..]),
        EdDSA => EncodingKey::from_ed_der(&der),
        _ => EncodingKey::from_ec_der(&der),
    };
    let header = Header { kid: Some(key.key_id().to_owned()), ..Header::new(algorithm) };
    move || {
        let mut jti = [0; 16];
        aws_lc_rs::rand::fill(&mut jti).unwrap();
        let jti: String = jti.iter().map(|byte| format!("{byte:02x}")).collect();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let claims = json!({"iss": "clinic-7", "sub": "clinic-7", "aud": ISSUER, "jti": jti, "iat": now - 10,
            "exp": now + 60});
        jsonwebtoken::encode(&header, &claims, &private).unwrap()
    }
}
