//! With `jwks-client-no-provider` and `redis-no-provider`, rustls has the provider of the program
//! alone, and never panics.

#![cfg(not(feature = "both"))]

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::jwks::{AddressGuard, HyperFetch, KeySetCache};
use tower_client_assertion_ring::{any_tls_client, has_ring, redis_over_tls};

/// In one test, because the provider of a process can be set only once.
#[tokio::test]
async fn an_application_on_ring_keeps_its_provider() {
    let error = redis_over_tls().await;
    assert!(error.contains("install_default()"), "{error}");
    assert!(CryptoProvider::get_default().is_none(), "this crate installs none");

    any_tls_client();
    assert!(has_ring());
    let error = redis_over_tls().await;
    assert!(error.contains("connection refused"), "{error}");
    assert!(has_ring());

    assert_eq!(fetched_over_tls().await, Some("a".to_owned()));
}

/// Fetches a key set from a server on loopback, and returns the `kid` of its only key.
async fn fetched_over_tls() -> Option<String> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let server = ServerConfig::builder_with_provider(ring::default_provider().into());
    let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let server = server.with_single_cert(vec![cert.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/keys", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut socket = TlsAcceptor::from(std::sync::Arc::new(server)).accept(socket).await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await.unwrap();
        let body =
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
    });

    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let fetch = HyperFetch::with_tls_config(config.with_root_certificates(roots).with_no_client_auth());
    let guard = AddressGuard::default().allow_range("127.0.0.1").unwrap();
    let cache = KeySetCache::builder(fetch).guard(guard).build().unwrap();
    let keys = cache.source("clinic-7", &url.parse().unwrap()).unwrap().keys(UnixTime::from_secs(0)).get().await;
    serving.await.unwrap();
    keys.unwrap().iter().next()?.key_id().map(str::to_owned)
}
