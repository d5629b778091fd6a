//! The servers. All give the same answers, so they differ only in what they do with the assertion.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use authkestra_op::ClientRegistration;
use authkestra_op::client_assertion::{peek_client_assertion_subject, verify_client_assertion};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Extension, Form, Router};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jsonwebtoken::crypto::{CryptoProvider, aws_lc, rust_crypto};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use oauth_as::client_assertion::{AssertionKeys, AudienceRule, unverified_subject, verify_assertion};
use oauth_as::jwt::{JwsAlg, JwsVerifier, P256Verifier};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::registry::{Client, FixedRegistry};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, RequestBody, Verifier};

use crate::ISSUER;
use crate::mint::CLIENT;

/// The servers, by the names in the report.
pub(crate) const KINDS: [&str; 7] = [
    "empty handler (axum)",
    "this layer (axum)",
    "this layer (hyper)",
    "by hand, `jsonwebtoken` (axum)",
    "`authkestra-op`, `aws_lc_rs` (axum)",
    "`authkestra-op`, as it comes (axum)",
    "`oauth-as` (axum)",
];

/// The servers that get a flood, and the status that they must answer with: one that checks
/// nothing, and on each stack this layer and a handler that reads the body and gives the layer's
/// answer.
pub(crate) const FLOODED: [(&str, &str); 5] = [
    ("empty handler (axum)", "200"),
    ("handler with the same answer (axum)", "400"),
    ("this layer (axum)", "400"),
    ("handler with the same answer (hyper)", "400"),
    ("this layer (hyper)", "400"),
];

/// Serves until its input ends.
pub(crate) fn serve(kind: &str, jwk: &[u8]) {
    let jwk: Value = serde_json::from_slice(jwk).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on {}", listener.local_addr().unwrap());
        let mut ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        let server = async {
            match kind {
                "handler with the same answer (hyper)" => serve_hyper(listener, service_fn(refuse)).await,
                "this layer (hyper)" => {
                    serve_hyper(listener, layer(&jwk).path("/token").unwrap().layer(service_fn(grant))).await;
                }
                _ => serve_axum(listener, router(kind, &jwk)).await,
            }
        };
        tokio::select! {
            () = server => {}
            _ = &mut ended => {}
        }
    });
}

async fn serve_axum(listener: TcpListener, router: Router) {
    let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn serve_hyper<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: Body<Data: Send, Error = Infallible> + Send + 'static,
{
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        connection.set_nodelay(true).unwrap();
        let service = TowerToHyperService::new(service.clone());
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service);
        tokio::spawn(connection);
    }
}

async fn grant(request: Request<RequestBody<Incoming>>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert!(request.extensions().get::<ClientIdentity>().is_some());
    let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
    Ok(response.body(Full::new(Bytes::from_static(TOKEN.as_bytes()))).unwrap())
}

async fn refuse(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let _read = request.into_body().collect().await.unwrap();
    let (status, headers, body) = WRONG_AUDIENCE;
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Ok(response)
}

fn router(kind: &str, jwk: &Value) -> Router {
    match kind {
        "empty handler (axum)" => Router::new().route("/token", post(|_: Bytes| async { ANSWER })),
        "handler with the same answer (axum)" => {
            Router::new().route("/token", post(|_: Bytes| async { WRONG_AUDIENCE }))
        }
        "this layer (axum)" => Router::new()
            .route("/token", post(|_: Extension<ClientIdentity>, _: Bytes| async { ANSWER }))
            .route_layer(layer(jwk)),
        "by hand, `jsonwebtoken` (axum)" => {
            install(&aws_lc::DEFAULT_PROVIDER);
            peer(ByHand::new(jwk))
        }
        "`authkestra-op`, `aws_lc_rs` (axum)" => {
            install(&aws_lc::DEFAULT_PROVIDER);
            peer(Authkestra::new(jwk))
        }
        "`authkestra-op`, as it comes (axum)" => {
            install(&rust_crypto::DEFAULT_PROVIDER);
            peer(Authkestra::new(jwk))
        }
        "`oauth-as` (axum)" => peer(OauthAs::new(jwk)),
        other => panic!("there is no server {other}"),
    }
}

/// Chooses the backend of `jsonwebtoken`. It cannot choose itself, because peers bring different
/// ones into this program.
fn install(provider: &'static CryptoProvider) {
    assert!(provider.install_default().is_ok());
}

const TOKEN: &str = r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":300}"#;
type Answer = (StatusCode, [(header::HeaderName, &'static str); 1], &'static str);
const ANSWER: Answer = (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], TOKEN);
const REFUSAL: Answer =
    (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, "application/json")], r#"{"error":"invalid_client"}"#);

/// The layer's answer to an assertion with another server's audience.
const WRONG_AUDIENCE: (StatusCode, [(header::HeaderName, &str); 3], &str) = (
    StatusCode::BAD_REQUEST,
    [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")],
    r#"{"error":"invalid_client","error_description":"Unexpected aud claim"}"#,
);

fn layer(jwk: &Value) -> ClientAssertionLayer {
    let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    let registry = FixedRegistry::new([Client::new(CLIENT, keys).unwrap()]).unwrap();
    let verifier = Verifier::builder(Policy::RFC7523, registry, MemoryReplay::new(1_000_000).unwrap());
    ClientAssertionLayer::new(verifier.issuer(ISSUER).build().unwrap())
}

/// A peer's verification. It returns the client of an assertion and its `jti`.
trait Peer: Send + Sync + 'static {
    fn authenticate(&self, assertion: &str) -> Option<(String, String)>;
}

#[derive(Deserialize)]
struct TokenForm {
    grant_type: String,
    client_assertion_type: String,
    client_assertion: String,
}

/// The state of the handler around each peer, with the assertions that were spent.
struct Endpoint<P> {
    peer: P,
    spent: Mutex<HashSet<(String, String)>>,
}

fn peer(peer: impl Peer) -> Router {
    let endpoint = Arc::new(Endpoint { peer, spent: Mutex::default() });
    Router::new().route("/token", post(token)).with_state(endpoint)
}

async fn token<P: Peer>(State(endpoint): State<Arc<Endpoint<P>>>, Form(form): Form<TokenForm>) -> Answer {
    const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    if form.grant_type != "client_credentials" || form.client_assertion_type != JWT_BEARER {
        return REFUSAL;
    }
    let Some(spent) = endpoint.peer.authenticate(&form.client_assertion) else { return REFUSAL };
    if endpoint.spent.lock().unwrap().insert(spent) { ANSWER } else { REFUSAL }
}

/// A careful hand-written verification: it looks up the key that the header names, calls `decode`
/// with everything that it can check, and checks the rest.
struct ByHand {
    keys: HashMap<String, (String, Algorithm, DecodingKey)>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    jti: String,
}

impl ByHand {
    fn new(jwk: &Value) -> Self {
        let parsed: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        let algorithm = if jwk["kty"] == "RSA" { Algorithm::RS256 } else { Algorithm::ES256 };
        let key = (CLIENT.to_owned(), algorithm, DecodingKey::from_jwk(&parsed).unwrap());
        Self { keys: HashMap::from([(String::from("key-1"), key)]) }
    }
}

impl Peer for ByHand {
    fn authenticate(&self, assertion: &str) -> Option<(String, String)> {
        let header = decode_header(assertion).ok()?;
        let (client, algorithm, key) = self.keys.get(header.kid.as_deref()?)?;
        let mut validation = Validation::new(*algorithm);
        validation.set_audience(&[ISSUER]);
        validation.set_issuer(&[client]);
        validation.sub = Some(client.clone());
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let claims = decode::<Claims>(assertion, key, &validation).ok()?.claims;
        (claims.iss == claims.sub && !claims.jti.is_empty()).then_some((claims.iss, claims.jti))
    }
}

struct Authkestra {
    clients: HashMap<String, ClientRegistration>,
    audiences: Vec<String>,
}

impl Authkestra {
    fn new(jwk: &Value) -> Self {
        let registration = json!({
            "client_id": CLIENT, "redirect_uris": [], "grant_types": ["client_credentials"], "scopes": [],
            "require_pkce": false, "allowed_audiences": [], "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [jwk]},
        });
        let client = serde_json::from_value(registration).unwrap();
        Self { clients: HashMap::from([(CLIENT.to_owned(), client)]), audiences: vec![ISSUER.to_owned()] }
    }
}

impl Peer for Authkestra {
    fn authenticate(&self, assertion: &str) -> Option<(String, String)> {
        let id = peek_client_assertion_subject(assertion)?;
        let verified = verify_client_assertion(assertion, self.clients.get(&id)?, &self.audiences).ok()?;
        Some((id, verified.jti))
    }
}

struct OauthAs {
    clients: HashMap<String, AssertionKeys>,
    verifier: Box<dyn JwsVerifier>,
}

impl OauthAs {
    fn new(jwk: &Value) -> Self {
        let rsa = jwk["kty"] == "RSA";
        let alg = if rsa { JwsAlg::Rs256 } else { JwsAlg::Es256 };
        let keys = AssertionKeys::PublicKeys { alg, keys: vec![serde_json::from_value(jwk.clone()).unwrap()] };
        let verifier: Box<dyn JwsVerifier> =
            if rsa { Box::new(oauth_as::backends::rsa::RsaVerifier) } else { Box::new(P256Verifier) };
        Self { clients: HashMap::from([(CLIENT.to_owned(), keys)]), verifier }
    }
}

impl Peer for OauthAs {
    fn authenticate(&self, assertion: &str) -> Option<(String, String)> {
        let id = unverified_subject(assertion)?;
        let (keys, rule) = (self.clients.get(&id)?, AudienceRule::AnyOf(&[ISSUER]));
        let verified = verify_assertion(Some(&*self.verifier), keys, assertion, &id, rule, SystemTime::now()).ok()?;
        Some((id, verified.jti))
    }
}
