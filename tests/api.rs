//! Promises of the types themselves: they cross threads, they are small, and they can be named.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use bytes::Bytes;
use http_body_util::Full;
use tower_client_assertion::jwks::{
    AddressGuard, FetchError, JwksFetch, JwksUrl, KeySetCache, KeySource, KeysUnavailable, SourceState, UrlError,
};
use tower_client_assertion::keys::{KeySet, VerificationKey};
use tower_client_assertion::policy::{Limits, Policy};
use tower_client_assertion::registry::{Client, ClientRegistry, FileRegistry, FixedRegistry};
use tower_client_assertion::render::{Opaque, Redox, RenderRejection, Rfc6749};
use tower_client_assertion::replay::{MemoryReplay, ReplayStore};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{
    ClientAssertion, ClientAssertionLayer, ClientAuthMetadata, ClientId, ClientIdentity, ConfigError, Endpoint,
    PreservedBodies, Rejection, RequestBody, ResponseBody, VerifiedClaims, Verifier,
};

fn shared<T: Send + Sync + Unpin + 'static>() {}
fn cheap_clone<T: Clone>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn everything_crosses_threads() {
    shared::<ClientAssertionLayer>();
    shared::<ClientAssertionLayer<PreservedBodies>>();
    shared::<ClientAssertion<()>>();
    shared::<RequestBody<Full<Bytes>>>();
    shared::<ResponseBody<Full<Bytes>>>();
    shared::<Verifier>();
    shared::<ClientIdentity>();
    shared::<ClientId>();
    shared::<Rejection>();
    shared::<Policy>();
    shared::<Limits>();
    shared::<KeySet>();
    shared::<VerificationKey>();
    shared::<Client>();
    shared::<FixedRegistry>();
    shared::<FileRegistry>();
    shared::<MemoryReplay>();
    shared::<ClientSecret>();
    shared::<ClientAuthMetadata>();
    shared::<VerifiedClaims>();
    shared::<Endpoint>();
    shared::<KeySetCache>();
    shared::<KeySource>();
    shared::<SourceState>();
    shared::<AddressGuard>();
    shared::<Redox>();
    shared::<Rfc6749>();
    shared::<Opaque>();
    error::<ConfigError>();
    error::<FetchError>();
    error::<KeysUnavailable>();
    error::<UrlError>();
    error::<Rejection>();
}

#[test]
fn what_travels_with_a_request_is_small_and_cloned_cheaply() {
    cheap_clone::<ClientAssertionLayer>();
    cheap_clone::<ClientIdentity>();
    cheap_clone::<KeySetCache>();
    cheap_clone::<KeySource>();
    cheap_clone::<JwksUrl>();
    assert!(size_of::<ClientIdentity>() <= 192, "{}", size_of::<ClientIdentity>());
    assert!(size_of::<Rejection>() <= 32, "{}", size_of::<Rejection>());
}

#[test]
fn ports_and_renderers_are_object_safe() {
    fn _takes(_: &dyn ClientRegistry, _: &dyn ReplayStore, _: &dyn JwksFetch, _: &dyn RenderRejection) {}
}

/// A plain struct can hold them: no type parameter has to be spelt.
#[test]
fn the_layer_fits_into_a_plain_struct() {
    struct State {
        layer: ClientAssertionLayer,
    }
    let state = State { layer: ClientAssertionLayer::new(common::verifier()) };
    assert!(format!("{:?}", state.layer).contains("redox"));
}
