//! Keys that sign elsewhere: their encodings, failures and delays.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use tower_client_assertion::clock::ManualClock;
use tower_client_assertion::mint::{
    AsyncSigner, KeyRing, MintError, MinterConfigError, PublicJwk, Signature, Signer, SigningKey,
};
use tower_client_assertion::policy::{Algorithm, Policy};
use tower_client_assertion::port::{Answer, Awaited, PortError};

use crate::support::{NOW, key, mint, minter, registered, verifier, verify};

/// A signer that does what a test says.
struct Remote<F> {
    public: PublicJwk,
    sign: F,
}

impl<F> std::fmt::Debug for Remote<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Remote")
    }
}

impl<F, A> AsyncSigner for Remote<F>
where
    F: Fn(Vec<u8>) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Signature, PortError>> + Send,
{
    fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    fn public_jwk(&self) -> &PublicJwk {
        &self.public
    }

    async fn sign(&self, input: Vec<u8>) -> Result<Signature, PortError> {
        (self.sign)(input).await
    }
}

/// Signs with a fresh key and returns DER, as key management services do.
fn der_signer(algorithm: Algorithm) -> impl Signer {
    let signing = match algorithm {
        Algorithm::ES256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        _ => &ECDSA_P521_SHA512_ASN1_SIGNING,
    };
    let pair = EcdsaKeyPair::generate(signing).unwrap();
    let public = SigningKey::from_der(algorithm, pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
    assert!(!pair.public_key().as_ref().is_empty());
    let sign = move |input: Vec<u8>| {
        let signature = pair.sign(&SystemRandom::new(), &input).unwrap();
        async move { Ok(Signature::EcdsaDer(signature.as_ref().to_vec())) }
    };
    Awaited::new(Remote { public: public.public_jwk().clone(), sign })
}

#[tokio::test]
async fn signatures_in_der_are_accepted_with_numbers_of_any_length() {
    for algorithm in [Algorithm::ES256, Algorithm::ES512] {
        let ring = KeyRing::new(der_signer(algorithm));
        let minter = minter(&Policy::RFC7523, ring.clone()).build().unwrap();
        let verifier = verifier(&Policy::RFC7523, registered(&ring), &ManualClock::at(NOW));
        // One number in 256 has a leading zero, and one in two a byte for its sign.
        for _ in 0..600 {
            assert!(verify(&verifier, &mint(&minter).await).await.is_ok(), "{algorithm}");
        }
    }
}

async fn failure(answer: impl Fn() -> Result<Signature, PortError> + Send + Sync + 'static) -> MintError {
    let sign = move |_| std::future::ready(answer());
    let remote = Awaited::new(Remote { public: key(Algorithm::ES256).public_jwk().clone(), sign });
    minter(&Policy::RFC7523, remote).build().unwrap().mint().get().await.unwrap_err()
}

#[tokio::test]
async fn what_is_no_signature_is_not_sent() {
    let cases = [
        Signature::Jose(vec![0; 63]),
        Signature::Jose(vec![0; 65]),
        Signature::Jose(Vec::new()),
        // Of the right length, by no key.
        Signature::Jose(vec![1; 64]),
        // A DER signature under the wrong name.
        Signature::Jose(vec![0x30; 70]),
        Signature::EcdsaDer(vec![0; 64]),
        Signature::EcdsaDer(vec![0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0xFF]),
        Signature::EcdsaDer(vec![0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x00]),
    ];
    for signature in cases {
        let given = signature.clone();
        let error = failure(move || Ok(given.clone())).await;
        assert!(matches!(error, MintError::Signature { .. }), "{signature:?}: {error:?}");
    }
}

#[tokio::test]
async fn the_error_of_a_signer_is_the_source() {
    let error = failure(|| Err(PortError::new("the module is locked"))).await;
    assert_eq!(error.to_string(), "the signer failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the module is locked");
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_never_answers_ends_in_half_the_lifetime() {
    let public = key(Algorithm::ES256).public_jwk().clone();
    let never = |_| std::future::pending::<Result<Signature, PortError>>();
    let minter = minter(&Policy::RFC7523, Awaited::new(Remote { public, sign: never }));
    let minter = minter.lifetime(Duration::from_secs(20)).build().unwrap();
    let started = tokio::time::Instant::now();
    let error = minter.mint().get().await.unwrap_err();
    assert!(matches!(error, MintError::SignerTooSlow { limit, .. } if limit == Duration::from_secs(10)), "{error:?}");
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_signature_that_is_late_by_the_clock_is_not_sent() {
    for (took, is_late) in [(30, false), (31, true)] {
        let (clock, signing) = (ManualClock::at(NOW), key(Algorithm::ES256));
        let (public, slow) = (signing.public_jwk().clone(), clock.clone());
        let sign = move |input: Vec<u8>| {
            slow.advance(took);
            let Answer::Ready(signature) = Signer::sign(&signing, &input) else { panic!("it is in memory") };
            std::future::ready(signature)
        };
        let minter = minter(&Policy::RFC7523, Awaited::new(Remote { public, sign })).clock(clock).build().unwrap();
        assert_eq!(minter.mint().get().await.is_err(), is_late, "{took} s of 60");
    }
}

/// A signer whose parts contradict each other.
#[derive(Debug)]
struct Contradictory(Option<PublicJwk>, Algorithm);

impl Signer for Contradictory {
    fn algorithm(&self) -> Algorithm {
        self.1
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        self.0.as_ref()
    }

    fn sign(&self, _: &[u8]) -> Answer<Result<Signature, PortError>> {
        Answer::Ready(Err(PortError::new("not asked")))
    }
}

#[test]
fn a_signer_must_publish_the_key_that_it_signs_with() {
    let public = key(Algorithm::ES384).public_jwk().clone();
    for signer in [Contradictory(Some(public), Algorithm::ES256), Contradictory(None, Algorithm::ES256)] {
        let refused = minter(&Policy::RFC7523, signer).build();
        assert!(matches!(refused, Err(MinterConfigError::PublicKey { .. })), "{refused:?}");
    }
}
