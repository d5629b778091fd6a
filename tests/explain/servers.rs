//! Servers of many kinds, each with the layer that decides and the layer that explains.

use std::sync::Arc;

use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::policy::{Algorithm, AlgorithmSet, Limits, Policy};
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::{Client, ClientRegistry, FindResult, FixedRegistry};
use tower_client_assertion::render::{Opaque, Rfc6749};
use tower_client_assertion::replay::{Admission, AdmitResult, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientAssertionLayer, ConfigError, Endpoint, PreservedBodies, VerifierBuilder};

use crate::common::vectors::Server;
use crate::common::{CLIENT, NOW, SIGNER, client, fixture, key_set};

pub(crate) type TestLayer = ClientAssertionLayer<PreservedBodies>;

/// A store that is fresh for each request.
#[derive(Debug)]
pub(crate) struct Fresh;

impl ReplayStore for Fresh {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        Some(false)
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Ok(Admission::Fresh))
    }

    fn admissions_per_client(&self) -> usize {
        usize::MAX
    }
}

/// A registry that does not list its clients, so that what is wrong with them is found by requests.
#[derive(Debug)]
pub(crate) struct Unlisted(pub(crate) Vec<Arc<Client>>);

impl ClientRegistry for Unlisted {
    fn find(&self, client_id: &str) -> Answer<FindResult> {
        Answer::Ready(Ok(self.0.iter().find(|client| client.id().as_str() == client_id).cloned()))
    }
}

pub(crate) struct TestServer {
    pub(crate) name: &'static str,
    /// The vectors that fit it best.
    pub(crate) base: Server,
    pub(crate) clock: ManualClock,
    pub(crate) layer: TestLayer,
}

pub(crate) const SERVERS: [Server; 13] = [
    Server::Redox,
    Server::Rfc7523,
    Server::Smart,
    Server::Fapi2,
    Server::Oidc,
    Server::Strict,
    Server::Pinned,
    Server::TwoKeys,
    Server::TwinKeys,
    Server::WeakKey,
    Server::Secret,
    Server::Spent,
    Server::NoRegistry,
];

fn server(
    name: &'static str,
    base: Server,
    builder: VerifierBuilder,
    change: impl FnOnce(TestLayer) -> Result<TestLayer, ConfigError>,
) -> TestServer {
    let clock = ManualClock::at(UnixTime::from_secs(NOW));
    let layer = ClientAssertionLayer::new(builder.clock(clock.clone()).build().unwrap()).preserve_body_types();
    TestServer { name, base, clock, layer: change(layer).unwrap() }
}

/// The policies of [`several`], with one that `aud` decides between.
fn several(clients: Vec<Client>) -> VerifierBuilder {
    let registry = Unlisted(clients.into_iter().map(Arc::new).collect());
    let short = Policy::RFC7523.with_name("short").with_max_lifetime(std::time::Duration::from_secs(60)).require_jti();
    let posted = Policy::SMART_BACKEND_SERVICES
        .with_name("posted")
        .with_algorithms(AlgorithmSet::of(&[Algorithm::ES384]))
        .with_grant_types(&["urn:example:posted", "client_credentials"]);
    fixture()
        .policy(Policy::RFC7523.with_grant_types(&["client_credentials", "refresh_token"]))
        .at_issuer_and_url()
        .registry(registry)
        .replay(Fresh)
        .builder()
        .client_policy(Policy::REDOX)
        .client_policy(short)
        .client_policy(posted)
}

/// All servers of the vectors, and others that differ from them in their layer or their policies.
pub(crate) fn all() -> Vec<TestServer> {
    let mut servers: Vec<_> =
        SERVERS.iter().map(|base| server("of the vectors", *base, base.builder(Fresh), Ok)).collect();
    let redox = || Server::Redox.builder(Fresh);
    servers.push(server("optional", Server::Redox, redox(), |layer| Ok(layer.optional())));
    servers.push(server("at revocation", Server::Rfc7523, Server::Rfc7523.builder(Fresh), |layer| {
        Ok(layer.endpoint(Endpoint::Revocation).render(Opaque))
    }));
    servers.push(server("short bodies", Server::Redox, redox(), |layer| layer.body_limit(600)));
    servers.push(server("a path", Server::Redox, redox(), |layer| layer.path("/v2/auth/token")));
    servers.push(server("another path", Server::Redox, redox(), |layer| layer.path("/other")));
    servers.push(server("linked", Server::Oidc, Server::Oidc.builder(Fresh), |layer| {
        Ok(layer.render(Rfc6749::default().error_uri("https://docs.example.com/errors").unwrap()))
    }));
    let start = UnixTime::from_secs(NOW - 10);
    servers.push(server("started", Server::Redox, redox().refuse_issued_before(start), Ok));
    servers.push(server("started", Server::Rfc7523, Server::Rfc7523.builder(Fresh).refuse_issued_before(start), Ok));
    let low = Limits::default().with_parameters(6).with_kid(5).with_jti(8).with_client_id(8).with_audiences(2);
    servers.push(server("low limits", Server::Redox, redox().limits(low), Ok));
    let lax = Policy::REDOX.dangerous().optional_kid().dangerous().reusable_without_jti();
    servers.push(server("lax", Server::Redox, fixture().policy(lax).replay(Fresh).builder(), Ok));
    for (name, policy) in [
        ("first", None),
        ("redox", Some("redox")),
        ("short", Some("short")),
        ("posted", Some("posted")),
        ("unknown policy", Some("none")),
    ] {
        let one = policy.map_or(client(), |policy| client().with_policy(policy));
        servers.push(server(name, Server::Rfc7523, several(vec![one.clone()]), Ok));
        servers.push(server(name, Server::Redox, several(vec![one]), Ok));
    }
    let pinned = client().with_policy("short").with_signing_alg(Algorithm::ES384).unwrap();
    servers.push(server("pinned", Server::Rfc7523, several(vec![pinned]), Ok));
    let other = Client::new("clinic-8", key_set(&[SIGNER.jwk()])).unwrap();
    servers.push(server("another client", Server::Redox, several(vec![other]), Ok));
    let unknown = fixture().registry(FixedRegistry::new([]).unwrap()).replay(Fresh);
    servers.push(server("unknown", Server::Redox, unknown.builder(), Ok));
    let _ = CLIENT;
    servers
}
