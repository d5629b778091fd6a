//! Key sets from a real server on loopback, with and without TLS: one that rotates keys, fails,
//! sends false responses, stalls, or never ends.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::key_server::{KeyServer, Reply};
use crate::common::{NOW, Signer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::jwks::{
    AddressGuard, FetchError, FetcherError, HyperFetch, JwksUrl, KeySetCache, KeySetCacheBuilder, KeySource, KeysResult,
};
use tower_client_assertion::keys::KeySetError;

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(NOW + secs)
}

/// The guard of the example server with `--allow-http-jwks`.
fn loopback() -> AddressGuard {
    AddressGuard::default().allow_http().allow_range("127.0.0.1").unwrap()
}

/// A cache for fetches over real sockets, however slow this machine is. The time is a backstop
/// against hanging.
fn over_sockets(fetch: HyperFetch) -> KeySetCacheBuilder {
    KeySetCache::builder(fetch).timeout(Duration::from_secs(60))
}

fn builder() -> KeySetCacheBuilder {
    over_sockets(HyperFetch::with_webpki_roots()).guard(loopback())
}

fn source(builder: KeySetCacheBuilder, url: &str) -> KeySource {
    builder.build().unwrap().source("clinic-7", &JwksUrl::parse(url).unwrap()).unwrap()
}

async fn fetched(reply: Reply) -> KeysResult {
    let server = KeyServer::start(reply).await;
    source(builder(), &server.url()).keys(at(0)).get().await
}

async fn refused(reply: Reply) -> FetchError {
    fetched(reply).await.unwrap_err().error().clone()
}

fn kids(keys: KeysResult) -> Vec<String> {
    keys.unwrap().iter().map(|key| key.key_id().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn key_15_the_request_is_a_get_that_accepts_json() {
    let server = KeyServer::start(Reply::keys(&[Signer::es384("a").jwk()])).await;
    let source = source(builder(), &format!("{}?tenant=7", server.url()));
    assert_eq!(kids(source.keys(at(0)).get().await), ["a"]);
    let request = server.requests().remove(0).to_ascii_lowercase();
    let mut lines: Vec<_> = request.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.remove(0), "get /keys?tenant=7 http/1.1");
    lines.sort_unstable();
    let agent = format!("user-agent: tower-client-assertion/{}", env!("CARGO_PKG_VERSION"));
    let host = format!("host: {}", server.address);
    let accept = "accept: application/jwk-set+json, application/json";
    assert_eq!(lines, ["accept-encoding: identity", accept, &host, &agent]);
}

#[tokio::test]
async fn key_rotation_and_removal_are_followed() {
    let (old, new, same) = (Signer::es384("a"), Signer::es384("b"), Signer::es384("b"));
    let server = KeyServer::start(Reply::keys(&[old.jwk()])).await;
    let source = source(builder(), &server.url());
    let first = source.keys(at(0)).get().await.unwrap();
    // A key is added, and an assertion names it.
    server.reply(Reply::keys(&[old.jwk(), new.jwk()]));
    let second = source.newer(&first, at(1)).get().await.unwrap();
    assert_eq!(kids(Ok(Arc::clone(&second))), ["a", "b"]);
    // The old one is removed, which is found by the next refresh.
    server.reply(Reply::keys(&[new.jwk()]));
    let third = source.keys(at(301)).get().await.unwrap();
    assert_eq!(kids(Ok(Arc::clone(&third))), ["b"]);
    // Another key takes the same `kid`, and a signature fails.
    server.reply(Reply::keys(&[same.jwk()]));
    let fourth = source.newer(&third, at(302)).get().await.unwrap();
    assert!(!Arc::ptr_eq(&third, &fourth));
    assert_eq!(server.fetches(), 4);
    assert_eq!(server.connections(), 4, "no connection is kept: each is judged again");
}

#[tokio::test]
async fn key_16_cache_control_sets_the_freshness() {
    let body = serde_json::json!({"keys": [Signer::es384("a").jwk()]}).to_string();
    let headers = "cache-control: max-age=900\r\nage: 100\r\n";
    let server = KeyServer::start(Reply::with_headers(headers, body.as_bytes())).await;
    let source = source(builder(), &server.url());
    let _ = source.keys(at(0)).get().await.unwrap();
    assert_eq!(source.state().fresh_until(), Some(at(800)));
}

#[tokio::test]
async fn concurrent_requests_cause_one_http_request() {
    let server = KeyServer::start(Reply::keys(&[Signer::es384("a").jwk()])).await;
    let source = source(builder(), &server.url());
    let waiting: Vec<_> = (0..200).map(|_| tokio::spawn(source.keys(at(0)).get())).collect();
    for keys in waiting {
        assert_eq!(kids(keys.await.unwrap()), ["a"]);
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn responses_that_are_not_key_sets_are_refused() {
    for (reply, expected) in [
        (Reply::status("500 Internal Server Error"), "the server answered with the status 500"),
        (Reply::status("204 No Content"), "the server answered with the status 204"),
        (Reply::status("404 Not Found"), "the server answered with the status 404"),
        (Reply::json("<html>"), "this is not a JWK Set: it is a page in HTML or XML; check the URL"),
        (Reply::json("{}"), "this is not a JWK Set: it is an object without the array keys"),
        (
            Reply::with_headers("content-type: text/html\r\n", b"{\"keys\":[]}"),
            r#"the response has the content type "text/html", expected application/json"#,
        ),
        (Reply::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), "the server could not be reached"),
        (Reply::Bytes(Vec::new()), "the server could not be reached"),
        (
            Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":[]}".to_vec()),
            "the server could not be reached",
        ),
        (
            Reply::Bytes(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000)).into_bytes()),
            "the server could not be reached",
        ),
    ] {
        assert_eq!(refused(reply).await.to_string(), expected);
    }
}

#[tokio::test]
async fn key_15_redirects_are_not_followed() {
    let target = KeyServer::start(Reply::keys(&[Signer::es384("a").jwk()])).await;
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let reply = format!("HTTP/1.1 {status}\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url());
        let error = refused(Reply::Bytes(reply.into_bytes())).await;
        assert!(matches!(error, FetchError::Redirect { status: 300..400, .. }), "{error}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn e41_bodies_over_the_limit_are_cut_off() {
    let limit = 256 * 1024;
    let too_long = |error: FetchError| matches!(error, FetchError::KeySet(KeySetError::TooLong { limit: 262_144 }));
    // A length that is announced is enough, even if the body is never sent.
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", limit + 1);
    assert!(too_long(refused(Reply::Stall(announced.into_bytes())).await));
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).into_bytes();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    assert!(too_long(refused(Reply::Endless(chunked, chunk)).await));
    let until_close = b"HTTP/1.0 200 OK\r\n\r\n{\"keys\":[".to_vec();
    assert!(too_long(refused(Reply::Endless(until_close, b"{},".repeat(1000))).await));
    for (len, accepted) in [(limit, true), (limit + 1, false)] {
        let body =
            format!("{:len$}", r#"{"keys":[]}"#, len = len.min(60_000)) + &" ".repeat(len.saturating_sub(60_000));
        assert_eq!(fetched(Reply::with_headers("", body.as_bytes())).await.is_ok(), accepted, "{len}");
    }
}

#[tokio::test]
async fn e41_compressed_bodies_are_refused() {
    // A megabyte of zeros as a kilobyte of gzip. The content does not matter, because it is not
    // read.
    let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0; 1000]].concat();
    let error = refused(Reply::with_headers("content-encoding: gzip\r\n", &bomb)).await;
    assert!(matches!(error, FetchError::ContentEncoding { .. }), "{error}");
    let error = refused(Reply::with_headers("", &bomb)).await;
    assert!(matches!(error, FetchError::KeySet(KeySetError::NotJson { .. })), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_resolve_in_time_is_told_apart() {
    let resolve = |_: &str| std::future::pending::<std::io::Result<Vec<IpAddr>>>();
    let by_default = KeySetCache::builder(HyperFetch::with_webpki_roots().resolver(resolve));
    let started = tokio::time::Instant::now();
    let error = source(by_default, "https://clinic.example/keys").keys(at(0)).get().await.unwrap_err();
    assert!(matches!(error.error(), FetchError::LookUpTimeout), "{}", error.error());
    assert_eq!(error.error().to_string(), "the name of the host was not resolved in time");
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn e41_slow_servers_are_given_up_after_three_seconds() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n{\"keys\":[".to_vec();
    for reply in
        [Reply::Stall(Vec::new()), Reply::Stall(head.clone()), Reply::Drip(head), Reply::Drip(b"HTTP/1.1 ".to_vec())]
    {
        let server = KeyServer::start(reply).await;
        let by_default = KeySetCache::builder(HyperFetch::with_webpki_roots()).guard(loopback());
        let source = source(by_default, &server.url());
        let started = tokio::time::Instant::now();
        let error = source.keys(at(0)).get().await.unwrap_err();
        assert!(matches!(error.error(), FetchError::Timeout), "{}", error.error());
        let taken = started.elapsed();
        assert!(taken >= Duration::from_secs(3) && taken < Duration::from_millis(3_100), "{taken:?}");
    }
}

#[tokio::test]
async fn no_connection_outlives_its_fetch() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).into_bytes();
    for reply in [
        Reply::keys(&[]),
        Reply::with_headers("connection: keep-alive\r\n", b"{\"keys\":[]}"),
        Reply::Stall(Vec::new()),
        Reply::Stall(head.clone()),
        Reply::Endless(head, chunk),
    ] {
        let server = KeyServer::start(reply).await;
        let hurried = builder().timeout(Duration::from_millis(100));
        let _ = source(hurried, &server.url()).keys(at(0)).get().await;
        let backstop = Duration::from_secs(60);
        tokio::time::timeout(backstop, server.quiet()).await.expect("the connection is still open");
    }
}

#[tokio::test]
async fn e42_loopback_is_refused_under_any_name() {
    let server = KeyServer::start(Reply::keys(&[Signer::es384("a").jwk()])).await;
    let port = server.address.port();
    let resolve = |_: &str| async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), "::ffff:127.0.0.1".parse().unwrap()]) };
    for host in ["localhost", "clinic.example"] {
        let url = format!("http://{host}:{port}/keys");
        let fetch = HyperFetch::with_webpki_roots().resolver(resolve);
        let guarded = over_sockets(fetch.clone()).guard(AddressGuard::default().allow_http());
        let error = source(guarded, &url).keys(at(0)).get().await.unwrap_err();
        assert!(matches!(error.error(), FetchError::Address(_)), "{}", error.error());
        assert!(!error.is_server_fault());
        assert_eq!(server.connections(), 0);
    }
    let fetch = HyperFetch::with_webpki_roots().resolver(resolve);
    let allowed = AddressGuard::default().allow_http().allow_host("clinic.example").unwrap();
    let source = source(over_sockets(fetch).guard(allowed), &format!("http://clinic.example:{port}/keys"));
    assert_eq!(kids(source.keys(at(0)).get().await), ["a"]);
}

#[tokio::test]
async fn e42_addresses_from_the_system_resolver_are_judged() {
    let server = KeyServer::start(Reply::keys(&[Signer::es384("a").jwk()])).await;
    let url = format!("http://localhost:{}/keys", server.address.port());
    let guarded = over_sockets(HyperFetch::with_webpki_roots()).guard(AddressGuard::default().allow_http());
    let error = source(guarded, &url).keys(at(0)).get().await.unwrap_err();
    assert!(matches!(error.error(), FetchError::Address(_)), "{}", error.error());
    assert_eq!(server.connections(), 0);
    assert_eq!(kids(source(builder(), &url).keys(at(0)).get().await), ["a"]);
}

#[tokio::test]
async fn e42_the_judged_address_is_the_one_connected_to() {
    // A name that resolves to an allowed address first and to another one afterwards.
    let allowed = KeyServer::at(Ipv4Addr::new(127, 0, 0, 2), Reply::keys(&[Signer::es384("a").jwk()]), None).await;
    let port = allowed.address.port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let rebinding = move |_: &str| {
        let address = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::LOCALHOST][count.fetch_add(1, Ordering::SeqCst).min(1)];
        async move { Ok(vec![IpAddr::V4(address)]) }
    };
    let guard = AddressGuard::default().allow_http().allow_range("127.0.0.2").unwrap();
    let fetch = HyperFetch::with_webpki_roots().resolver(rebinding);
    let source = source(over_sockets(fetch).guard(guard), &format!("http://clinic.example:{port}/keys"));
    assert_eq!(kids(source.keys(at(0)).get().await), ["a"]);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "a name is looked up once for each fetch");
    // The second fetch resolves to a refused address and connects to nothing. The old keys are
    // still used.
    assert_eq!(kids(source.keys(at(400)).get().await), ["a"]);
    assert!(matches!(source.state().last_error(), Some(FetchError::Address(_))));
    assert_eq!((allowed.connections(), asked.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn e42_refused_addresses_are_skipped() {
    let server = KeyServer::at(Ipv4Addr::new(127, 0, 0, 2), Reply::keys(&[Signer::es384("a").jwk()]), None).await;
    let port = server.address.port();
    let other = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let resolve = |_: &str| async { Ok(vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()]) };
    let guard = AddressGuard::default().allow_http().allow_range("127.0.0.2").unwrap();
    let builder = over_sockets(HyperFetch::with_webpki_roots().resolver(resolve)).guard(guard);
    let source = source(builder, &format!("http://clinic.example:{port}/keys"));
    assert_eq!(kids(source.keys(at(0)).get().await), ["a"]);
    let accepted = tokio_test::task::spawn(other.accept()).poll().is_ready();
    assert!(!accepted, "the refused address saw a connection");
}

/// An address at which a connection is neither accepted nor refused: the queue of its listener is
/// full, so the system drops the first packet of each further connection.
struct BlackHole {
    _listener: tokio::net::TcpListener,
    _queued: Vec<std::net::TcpStream>,
}

impl BlackHole {
    fn at(address: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(1).unwrap();
        // On loopback, the system completes a connection in `connect`, unless the queue is full.
        let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok();
        let queued = std::iter::from_fn(connect).collect();
        Self { _listener: listener, _queued: queued }
    }
}

#[tokio::test]
async fn key_26_an_address_that_swallows_packets_delays_no_other() {
    let server = KeyServer::start(Reply::keys(&[Signer::es384("a").jwk()])).await;
    let port = server.address.port();
    let dead = ["127.0.0.2", "127.0.0.3"].map(|address| address.parse::<IpAddr>().unwrap());
    let _holes = dead.map(|address| BlackHole::at(SocketAddr::new(address, port)));
    let resolve = move |_: &str| async move { Ok(vec![dead[0], dead[1], server.address.ip()]) };
    let guard = AddressGuard::default().allow_http().allow_range("127.0.0.0/8").unwrap();
    // A connection to a dead address alone would take minutes.
    let builder = over_sockets(HyperFetch::with_webpki_roots().resolver(resolve)).guard(guard);
    let source = source(builder, &format!("http://clinic.example:{port}/keys"));
    assert_eq!(kids(source.keys(at(0)).get().await), ["a"]);
}

#[tokio::test]
async fn a_host_without_a_living_address_is_told_apart() {
    let free = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let dead = SocketAddr::new("127.0.0.2".parse().unwrap(), free.local_addr().unwrap().port());
    let _hole = BlackHole::at(dead);
    let guard = AddressGuard::default().allow_http().allow_range("127.0.0.2").unwrap();
    let builder = KeySetCache::builder(HyperFetch::with_webpki_roots()).guard(guard);
    let source = source(builder.timeout(Duration::from_millis(100)), &format!("http://{dead}/keys"));
    let error = source.keys(at(0)).get().await.unwrap_err();
    assert!(matches!(error.error(), FetchError::ConnectTimeout), "{}", error.error());
    assert_eq!(error.error().to_string(), "the host accepted no connection in time");
}

#[tokio::test]
async fn unresolved_names_and_closed_ports_are_unreachable() {
    let resolve = |host: &str| {
        let found = if host == "empty.example" { Ok(vec![]) } else { Err(std::io::Error::other("no such name")) };
        async { found }
    };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let closed = format!("http://{}/keys", listener.local_addr().unwrap());
    drop(listener);
    for (url, cause) in [
        ("http://empty.example/", "the host has no address"),
        ("http://none.example/", "no such name"),
        (&closed, "refused"),
    ] {
        let builder = over_sockets(HyperFetch::with_webpki_roots().resolver(resolve)).guard(loopback());
        let error = source(builder, url).keys(at(0)).get().await.unwrap_err();
        let FetchError::Unreachable(found) = error.error() else { panic!("{}", error.error()) };
        assert!(found.to_string().contains(cause), "{found}");
    }
}

/// A certificate authority, and an acceptor with a certificate for `name` that it issued.
fn tls(name: &str) -> (Vec<u8>, TlsAcceptor) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    (root.der().to_vec(), TlsAcceptor::from(Arc::new(config)))
}

/// Fetches `https://clinic.example` from a server on loopback.
async fn over_tls(port: u16, fetch: HyperFetch) -> KeysResult {
    let resolve = |_: &str| async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) };
    let guard = AddressGuard::default().allow_range("127.0.0.1").unwrap();
    let builder = over_sockets(fetch.resolver(resolve)).guard(guard);
    source(builder, &format!("https://clinic.example:{port}/keys")).keys(at(0)).get().await
}

#[tokio::test]
async fn the_tls_certificate_must_match_the_host() {
    let (root, acceptor) = tls("clinic.example");
    let reply = Reply::keys(&[Signer::es384("a").jwk()]);
    let server = KeyServer::at(Ipv4Addr::LOCALHOST, reply.clone(), Some(acceptor)).await;
    assert_eq!(kids(over_tls(server.address.port(), HyperFetch::with_roots([&*root]).unwrap()).await), ["a"]);

    let (other_root, other) = tls("other.example");
    let misnamed = KeyServer::at(Ipv4Addr::LOCALHOST, reply, Some(other)).await;
    for (server, fetch) in [
        (&misnamed, HyperFetch::with_roots([&*other_root]).unwrap()),
        (&server, HyperFetch::with_roots([&*other_root]).unwrap()),
        (&server, HyperFetch::with_webpki_roots()),
    ] {
        let error = over_tls(server.address.port(), fetch).await.unwrap_err();
        assert!(matches!(error.error(), FetchError::Tls(_)), "{}", error.error());
        assert!(!error.is_server_fault());
    }
    assert_eq!((server.fetches(), misnamed.fetches()), (1, 0), "no request is sent to another host");
}

/// Returns an acceptor like that of [`tls`] that demands a certificate of the same authority, the
/// configuration of a client that has one, and that of a client that has none.
fn mutual_tls(name: &str) -> (TlsAcceptor, [rustls::ClientConfig; 2]) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let identity = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let roots = Arc::new(roots);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
    let (chain, key) = identity(name);
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap();
    let client = || {
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider));
        builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(Arc::clone(&roots))
    };
    let (chain, key) = identity("as.example");
    let with = client().with_client_auth_cert(chain, key).unwrap();
    (TlsAcceptor::from(Arc::new(server)), [with, client().with_no_client_auth()])
}

#[tokio::test]
async fn a_fetch_can_have_a_client_certificate() {
    let (acceptor, [with, without]) = mutual_tls("clinic.example");
    let reply = Reply::keys(&[Signer::es384("a").jwk()]);
    let server = KeyServer::at(Ipv4Addr::LOCALHOST, reply, Some(acceptor)).await;
    let port = server.address.port();
    assert_eq!(kids(over_tls(port, HyperFetch::with_tls_config(with)).await), ["a"]);
    // In TLS 1.3, a client hears of the refusal only after its handshake.
    assert!(over_tls(port, HyperFetch::with_tls_config(without)).await.is_err());
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_refused() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}").await.unwrap();
        // Until the peer closes.
        while stream.read_u8().await.is_ok() {}
    });
    let error = over_tls(port, HyperFetch::with_roots([&*tls("clinic.example").0]).unwrap()).await.unwrap_err();
    assert!(matches!(error.error(), FetchError::Tls(_)), "{}", error.error());
    plain.await.unwrap();
}

#[test]
fn root_certificates_are_validated() {
    let none: [&[u8]; 0] = [];
    assert!(matches!(HyperFetch::with_roots(none), Err(FetcherError::NoRootCertificates { .. })));
    let error = HyperFetch::with_roots([&b"not DER"[..]]).unwrap_err().to_string();
    assert!(error.starts_with("root certificates: one is not valid ("), "{error}");
}

/// The platform has no root certificate that issued this one.
#[tokio::test]
async fn authorities_in_pem_are_trusted_in_addition() {
    let (root, acceptor) = tls("clinic.example");
    let (other_root, _) = tls("clinic.example");
    let server = KeyServer::at(Ipv4Addr::LOCALHOST, Reply::keys(&[Signer::es384("a").jwk()]), Some(acceptor)).await;
    let pem =
        |der: &[u8]| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
    for (file, trusted) in [
        (pem(&root), true),
        (format!("a comment\n{}{}", pem(&other_root), pem(&root)), true),
        (pem(&other_root), false),
    ] {
        let fetch = HyperFetch::with_platform_roots_and(file.as_bytes()).unwrap();
        let fetched = over_tls(server.address.port(), fetch).await;
        assert_eq!(fetched.is_ok(), trusted, "{file}");
    }
    for (file, expected) in [
        ("", "none found (the file has no certificate in PEM)"),
        ("no PEM", "none found (the file has no certificate in PEM)"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "one is not valid ("),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "one is not valid ("),
    ] {
        let error = HyperFetch::with_platform_roots_and(file.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("root certificates: {expected}")), "{file:?}: {error}");
    }
}

#[tokio::test]
async fn a_tls_configuration_brings_its_roots_and_no_protocols() {
    let (root, acceptor) = tls("clinic.example");
    let server = KeyServer::at(Ipv4Addr::LOCALHOST, Reply::keys(&[Signer::es384("a").jwk()]), Some(acceptor)).await;
    let fetcher = |roots: rustls::RootCertStore| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        HyperFetch::with_tls_config(config)
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.into()).unwrap();
    assert_eq!(kids(over_tls(server.address.port(), fetcher(roots)).await), ["a"]);
    let error = over_tls(server.address.port(), fetcher(rustls::RootCertStore::empty())).await.unwrap_err();
    assert!(matches!(error.error(), FetchError::Tls(_)), "{}", error.error());
}
