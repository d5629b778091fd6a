//! A verifier for what a test mints.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::mint::{KeyRing, Minter, MinterBuilder, SigningKey};
use tower_client_assertion::policy::{Algorithm, AudienceRule, Policy};
use tower_client_assertion::registry::{Client, FixedRegistry};
use tower_client_assertion::rejection::Rejection;
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{JWT_BEARER, TokenRequest, Verifier};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
pub(crate) const ISSUER: &str = "https://as.example.com";
pub(crate) const TOKEN_URL: &str = "https://as.example.com/token";
pub(crate) const CLIENT: &str = "clinic-7";

pub(crate) const PROFILES: [Policy; 5] =
    [Policy::REDOX, Policy::SMART_BACKEND_SERVICES, Policy::RFC7523, Policy::FAPI2, Policy::OIDC];

/// Returns one key for each algorithm, always the same: RSA keys take long to make.
pub(crate) fn key(algorithm: Algorithm) -> SigningKey {
    static KEYS: [OnceLock<SigningKey>; Algorithm::ALL.len()] = [const { OnceLock::new() }; Algorithm::ALL.len()];
    static RSA: OnceLock<SigningKey> = OnceLock::new();
    let index = Algorithm::ALL.iter().position(|other| *other == algorithm).unwrap();
    let generate = || match algorithm.name().starts_with(['R', 'P']) {
        true => {
            let rsa = RSA.get_or_init(|| SigningKey::generate(Algorithm::RS256).unwrap());
            SigningKey::from_pem(algorithm, rsa.to_pem().unwrap().expose()).unwrap()
        }
        false => SigningKey::generate(algorithm).unwrap(),
    };
    KEYS[index].get_or_init(generate).clone()
}

/// Returns an algorithm that the policy allows.
pub(crate) fn usual_key(policy: &Policy) -> SigningKey {
    let allowed = |algorithm: &Algorithm| policy.algorithms().contains(*algorithm);
    key([Algorithm::ES384, Algorithm::ES256].into_iter().find(allowed).unwrap())
}

/// Sets the server's names that the policy accepts.
pub(crate) fn addressed(minter: MinterBuilder, rule: AudienceRule) -> MinterBuilder {
    match rule {
        AudienceRule::Urls => minter.audience(TOKEN_URL),
        _ => minter.issuer(ISSUER),
    }
}

pub(crate) fn minter(policy: &Policy, keys: impl Into<KeyRing>) -> MinterBuilder {
    let minter = Minter::builder(policy.clone(), CLIENT, keys).clock(ManualClock::at(NOW));
    addressed(minter, policy.audience())
}

pub(crate) fn verifier(policy: &Policy, client: Client, clock: &ManualClock) -> Verifier {
    let registry = FixedRegistry::new([client]).unwrap();
    let builder = Verifier::builder(policy.clone(), registry, MemoryReplay::new(100_000).unwrap());
    let builder = match policy.audience() {
        AudienceRule::Urls => builder.audience(TOKEN_URL),
        AudienceRule::IssuerOrUrls => builder.issuer(ISSUER).audience(TOKEN_URL),
        _ => builder.issuer(ISSUER),
    };
    builder.clock(clock.clone()).build().unwrap()
}

pub(crate) fn registered(ring: &KeyRing) -> Client {
    Client::new(CLIENT, ring.key_set()).unwrap()
}

pub(crate) async fn mint(minter: &Minter) -> String {
    minter.mint().get().await.unwrap().expose()
}

pub(crate) async fn verify(verifier: &Verifier, assertion: &str) -> Result<(), Rejection> {
    let form = format!("grant_type=client_credentials&client_assertion_type={JWT_BEARER}&client_assertion={assertion}");
    verifier.verify(&TokenRequest::new(form.as_bytes())).await.map(|_| ())
}

/// Decodes the header and the claims.
pub(crate) fn decoded(assertion: &str) -> [Value; 2] {
    let mut parts = assertion.split('.');
    [0, 1].map(|_| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap())
}
