//! The posture: each rule met and not met, every loosening, and both formats.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod formats;
mod key_sets;
mod loosenings;
mod own_policy;
mod policies;
mod replay;
mod server;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::event;
use tower_client_assertion::jwks::{
    FetchError, FetchFact, JwksFetch, JwksRequest, JwksUrl, KeySetCache, KeySetCacheBuilder,
};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::port::BoxFuture;
use tower_client_assertion::posture::{Baseline, Posture, PostureFinding, Standing, Subject};
use tower_client_assertion::registry::{Client, FixedRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{Policy, Verifier, VerifierBuilder};

use crate::common::{AUDIENCE, ISSUER, NOW};

const BASELINES: [Baseline; 2] = [Baseline::FAPI2, Baseline::RFC7523];

/// A verifier that meets every rule that is not about its policy.
fn sound(policy: Policy, clients: impl IntoIterator<Item = Client>) -> VerifierBuilder {
    let registry = FixedRegistry::new(clients).unwrap();
    let knows_urls = !matches!(format!("{:?}", policy.audience()).as_str(), "IssuerString" | "SoleIssuer");
    let builder = Verifier::builder(policy, registry, MemoryReplay::new(1000).unwrap())
        .issuer(ISSUER)
        .clock(ManualClock::at(UnixTime::from_secs(NOW)))
        .events(event::sink(|_| {}))
        .signature_checks(SignatureChecks::new(4).unwrap())
        .refuse_issued_before(UnixTime::from_secs(NOW));
    if knows_urls { builder.audience(AUDIENCE) } else { builder }
}

/// A fetcher of one document that tells this about itself.
struct Document(Bytes, Vec<FetchFact>);

impl JwksFetch for Document {
    fn fetch(&self, _: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        let response = Response::new(self.0.clone());
        Box::pin(async { Ok(response) })
    }

    fn about(&self) -> Vec<FetchFact> {
        self.1.clone()
    }
}

/// A cache whose server has these keys, and whose fetcher meets every rule.
fn key_set_cache(jwks: &[Value]) -> KeySetCacheBuilder {
    let document = Bytes::from(json!({ "keys": jwks }).to_string());
    KeySetCache::builder(Document(document, vec![FetchFact::Guarded, FetchFact::Verified]))
}

/// A client that publishes its keys at a URL.
fn published(id: &str, cache: &KeySetCache) -> Client {
    let url = JwksUrl::parse("https://clinic.example/keys?token=hush-hush-hush-hush").unwrap();
    Client::with_key_set_url(id, &url, cache).unwrap()
}

fn posture(policy: Policy, baseline: &Baseline) -> Posture {
    sound(policy, []).build().unwrap().posture(baseline)
}

/// The findings by a rule.
fn by<'p>(posture: &'p Posture, rule: &str) -> Vec<&'p PostureFinding> {
    posture.findings().iter().filter(|finding| finding.rule().id() == rule).collect()
}

/// The worst standing by a rule.
fn standing(posture: &Posture, rule: &str) -> Option<Standing> {
    by(posture, rule).into_iter().map(PostureFinding::standing).min()
}

fn weaker_of_policies(posture: &Posture) -> Vec<&str> {
    let of_policies = posture.weaker().filter(|finding| matches!(finding.subject(), Subject::Policy(_)));
    of_policies.map(|finding| finding.rule().id()).collect()
}
