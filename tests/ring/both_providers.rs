//! With `jwks-client` and `redis`, rustls has two providers and cannot choose. An application
//! installs one first, as the documentation of the features says, and this crate leaves it alone.

use std::panic::catch_unwind;

use rustls::crypto::{CryptoProvider, ring};
use tower_client_assertion::jwks::HyperFetch;
use tower_client_assertion_ring::{any_tls_client, has_ring, redis_over_tls};

/// In one test, because the provider of a process can be set only once.
#[tokio::test]
async fn an_application_on_ring_installs_its_provider_first() {
    assert!(catch_unwind(any_tls_client).is_err(), "rustls can choose: the documentation is out of date");
    HyperFetch::with_webpki_roots();
    assert!(CryptoProvider::get_default().is_none(), "a fetcher does not install one");

    ring::default_provider().install_default().unwrap();
    any_tls_client();
    HyperFetch::with_webpki_roots();
    let error = redis_over_tls().await;
    assert!(error.contains("connection refused"), "{error}");
    assert!(has_ring());
}
