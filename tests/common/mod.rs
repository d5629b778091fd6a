//! What the tests share: keys, assertions that are valid until a test breaks them, and a verifier
//! at a fixed time that knows one client.

#![allow(dead_code, unreachable_pub, missing_docs, missing_debug_implementations)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod attempt;
pub mod key_server;
#[cfg(feature = "metrics")]
pub mod recorder;
#[cfg(all(unix, feature = "redis"))]
pub mod redis;
pub mod schema;
pub mod secrets;
pub mod vectors;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value, json};
use tower_client_assertion::clock::{ManualClock, UnixTime};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::mint::{self, Signature, SigningKey};
use tower_client_assertion::port::{Answer, PortError};
use tower_client_assertion::registry::{Client, ClientRegistry, FixedRegistry};
use tower_client_assertion::rejection::{ClientFault, RejectionKind};
use tower_client_assertion::replay::{AdmitResult, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{
    ClientAssertionLayer, ClientIdentity, JWT_BEARER, Policy, PreservedBodies, Rejection, TokenRequest, Verifier,
    VerifierBuilder,
};

/// The time at which all tests begin.
pub const NOW: u64 = 1_700_000_000;
/// The issuer identifier of the authorization server.
pub const ISSUER: &str = "https://as.example.com";
/// The URL of its token endpoint.
pub const AUDIENCE: &str = "https://api.example.com/v2/auth/token";
/// The client that [`fixture`] registers.
pub const CLIENT: &str = "clinic-7";
/// The media type of a token request.
pub const FORM: &str = "application/x-www-form-urlencoded";

enum PrivateKey {
    Key(SigningKey),
    /// Also secrets that no client can have.
    Secret(Box<hmac::Key>),
}

/// A private key of a client, with its algorithm and `kid`.
pub struct Signer {
    pub alg: &'static str,
    pub kid: &'static str,
    private: PrivateKey,
}

impl Signer {
    fn generate(alg: &'static str, kid: &'static str) -> Self {
        Self::with_key(alg, kid, SigningKey::generate(alg.parse().unwrap()).unwrap())
    }

    fn with_key(alg: &'static str, kid: &'static str, key: SigningKey) -> Self {
        Self { alg, kid, private: PrivateKey::Key(key) }
    }

    /// A private JWK.
    pub fn of_jwk(alg: &'static str, kid: &'static str, jwk: &Value) -> Self {
        Self::with_key(alg, kid, SigningKey::from_jwk(jwk.to_string().as_bytes()).unwrap())
    }

    pub fn es256(kid: &'static str) -> Self {
        Self::generate("ES256", kid)
    }

    pub fn es384(kid: &'static str) -> Self {
        Self::generate("ES384", kid)
    }

    pub fn es512(kid: &'static str) -> Self {
        Self::generate("ES512", kid)
    }

    pub fn ed25519(alg: &'static str, kid: &'static str) -> Self {
        Self::generate(alg, kid)
    }

    pub fn rsa(alg: &'static str, kid: &'static str) -> Self {
        Self::rsa_of(alg, kid, KeySize::Rsa2048)
    }

    pub fn rsa_of(alg: &'static str, kid: &'static str, size: KeySize) -> Self {
        let pair = RsaKeyPair::generate(size).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        Self::with_key(alg, kid, SigningKey::from_der(alg.parse().unwrap(), der.as_ref()).unwrap())
    }

    pub fn ml_dsa(alg: &'static str, kid: &'static str) -> Self {
        Self::generate(alg, kid)
    }

    pub fn secret(alg: &'static str, secret: &[u8]) -> Self {
        let algorithm = match alg {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            other => panic!("{other} is no HMAC algorithm"),
        };
        Self { alg, kid: "none", private: PrivateKey::Secret(Box::new(hmac::Key::new(algorithm, secret))) }
    }

    fn key(&self) -> &SigningKey {
        match &self.private {
            PrivateKey::Key(key) => key,
            PrivateKey::Secret(_) => panic!("a secret has no public key"),
        }
    }

    /// The public key, as registered. It is for every algorithm of its type.
    pub fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(self.key().public_jwk()).unwrap();
        let members = jwk.as_object_mut().unwrap();
        members.insert("kid".to_owned(), self.kid.into());
        members.remove("use");
        if members["kty"] != "AKP" {
            members.remove("alg");
        }
        jwk
    }

    /// The same key under another algorithm of its type.
    pub fn under(&self, alg: &'static str) -> Self {
        let key = SigningKey::from_pem(alg.parse().unwrap(), self.private_pem()).unwrap();
        Self::with_key(alg, self.kid, key)
    }

    /// The private key in PEM.
    pub fn private_pem(&self) -> String {
        self.key().to_pem().unwrap().expose().to_owned()
    }

    /// The public key in PEM.
    pub fn pem(&self) -> String {
        self.key().public_jwk().to_pem().unwrap()
    }

    pub fn signature(&self, input: &[u8]) -> Vec<u8> {
        match &self.private {
            PrivateKey::Key(key) => match mint::Signer::sign(key, input) {
                Answer::Ready(Ok(Signature::Jose(signature))) => signature,
                other => panic!("a key in memory signs immediately: {other:?}"),
            },
            PrivateKey::Secret(key) => hmac::sign(key, input).as_ref().to_vec(),
        }
    }

    /// Signs exactly these two texts as a JWS.
    pub fn sign(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let input = format!("{}.{}", encode(header.as_ref()), encode(claims.as_ref()));
        let signature = encode(&self.signature(input.as_bytes()));
        format!("{input}.{signature}")
    }
}

/// The key of [`CLIENT`].
pub static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::es384("key-1"));

/// A `jti` that no other call returns.
pub fn fresh_jti() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("jti-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The header and claims of a valid assertion.
#[derive(Clone)]
pub struct Jwt {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

impl Jwt {
    pub fn new() -> Self {
        Self::by(&SIGNER, CLIENT)
    }

    pub fn by(signer: &Signer, client_id: &str) -> Self {
        let header = json!({"alg": signer.alg, "kid": signer.kid, "typ": "JWT"});
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": AUDIENCE, "jti": fresh_jti(), "iat": NOW, "exp": NOW + 300,
        });
        let (Value::Object(header), Value::Object(claims)) = (header, claims) else { unreachable!() };
        Self { header, claims }
    }

    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.into(), value.into());
        self
    }

    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    pub fn signed(&self) -> String {
        self.signed_by(&SIGNER)
    }

    pub fn signed_by(&self, signer: &Signer) -> String {
        signer.sign(serde_json::to_vec(&self.header).unwrap(), serde_json::to_vec(&self.claims).unwrap())
    }
}

/// The form of a token request with this assertion.
pub fn form(assertion: &str) -> String {
    serde_urlencoded::to_string([
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ])
    .unwrap()
}

/// `object` with these members replaced or added.
pub fn with(object: Value, members: Value) -> Value {
    let (Value::Object(mut object), Value::Object(members)) = (object, members) else {
        panic!("two objects are needed")
    };
    object.extend(members);
    object.into()
}

/// `object` with this member replaced or added.
pub fn with_member(object: &Value, member: &str, value: impl Into<Value>) -> Value {
    with(object.clone(), json!({ member: value.into() }))
}

pub fn key_set(jwks: &[Value]) -> KeySet {
    KeySet::parse(json!({"keys": jwks}).to_string().as_bytes()).unwrap()
}

/// [`CLIENT`] with the key of [`SIGNER`].
pub fn client() -> Client {
    client_with(&[SIGNER.jwk()])
}

/// [`CLIENT`] with these keys.
pub fn client_with(jwks: &[Value]) -> Client {
    Client::new(CLIENT, key_set(jwks)).unwrap()
}

/// A clock that stands at [`NOW`].
pub fn clock() -> ManualClock {
    ManualClock::at(UnixTime::from_secs(NOW))
}

/// A replay store that no test fills.
pub fn store() -> MemoryReplay {
    MemoryReplay::new(10_000).unwrap()
}

/// A store that fails every admission.
#[derive(Debug)]
pub struct Down;

impl ReplayStore for Down {
    fn seen(&self, _: ReplayKey<'_>, _: UnixTime) -> Option<bool> {
        None
    }

    fn admit(&self, _: ReplayKey<'_>, _: UnixTime, _: UnixTime) -> Answer<AdmitResult> {
        Answer::Ready(Err(PortError::new("the store is down")))
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

/// A verifier under construction; see [`fixture`].
pub struct Fixture {
    policy: Policy,
    registry: Arc<dyn ClientRegistry>,
    replay: Arc<dyn ReplayStore>,
    clock: ManualClock,
    issuer: bool,
    audience: bool,
}

/// Unless told otherwise, the verifier applies the Redox profile at [`AUDIENCE`], knows [`client`],
/// has an empty replay store, and its clock stands at [`NOW`].
pub fn fixture() -> Fixture {
    Fixture {
        policy: Policy::REDOX,
        registry: Arc::new(FixedRegistry::new([client()]).unwrap()),
        replay: Arc::new(store()),
        clock: clock(),
        issuer: false,
        audience: true,
    }
}

impl Fixture {
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Sets [`ISSUER`] and no URL, for policies that accept the issuer alone.
    pub fn at_issuer(self) -> Self {
        Self { issuer: true, audience: false, ..self }
    }

    /// Sets [`ISSUER`] and [`AUDIENCE`], for policies that accept both.
    pub fn at_issuer_and_url(self) -> Self {
        Self { issuer: true, audience: true, ..self }
    }

    /// Sets neither an issuer nor a URL.
    pub fn at_no_address(self) -> Self {
        Self { issuer: false, audience: false, ..self }
    }

    /// Registers these clients and no others.
    pub fn clients(self, clients: impl IntoIterator<Item = Client>) -> Self {
        self.registry(FixedRegistry::new(clients).unwrap())
    }

    /// Registers [`CLIENT`] with these keys.
    pub fn keys(self, jwks: &[Value]) -> Self {
        self.clients([client_with(jwks)])
    }

    pub fn registry(self, registry: impl ClientRegistry + 'static) -> Self {
        Self { registry: Arc::new(registry), ..self }
    }

    pub fn replay(self, replay: impl ReplayStore + 'static) -> Self {
        Self { replay: Arc::new(replay), ..self }
    }

    pub fn clock(self, clock: &ManualClock) -> Self {
        Self { clock: clock.clone(), ..self }
    }

    pub fn builder(self) -> VerifierBuilder {
        let builder = Verifier::builder(self.policy, self.registry, self.replay).clock(self.clock);
        let builder = if self.issuer { builder.issuer(ISSUER) } else { builder };
        if self.audience { builder.audience(AUDIENCE) } else { builder }
    }

    pub fn build(self) -> Verifier {
        self.builder().build().unwrap()
    }

    /// A layer with the verifier, in front of a service that takes bodies as they come.
    pub fn layer(self) -> ClientAssertionLayer<PreservedBodies> {
        ClientAssertionLayer::new(self.build()).preserve_body_types()
    }
}

/// The builder of a [`fixture`] with this policy.
pub fn builder(policy: Policy) -> VerifierBuilder {
    fixture().policy(policy).builder()
}

/// The verifier of a [`fixture`].
pub fn verifier() -> Verifier {
    fixture().build()
}

/// Verifies a form without HTTP.
pub fn verify(verifier: &Verifier, form: &str) -> Result<ClientIdentity, Rejection> {
    now_or_never(verifier.verify(&TokenRequest::new(form.as_bytes())))
}

/// The outcome of an assertion. Panics if the server is at fault.
#[track_caller]
pub fn outcome(verifier: &Verifier, assertion: &str) -> Result<ClientIdentity, ClientFault> {
    verify(verifier, &form(assertion)).map_err(client_fault)
}

/// Why the client was refused. Panics if the server is at fault.
#[track_caller]
pub fn client_fault(rejection: Rejection) -> ClientFault {
    match rejection.kind() {
        RejectionKind::Client(fault) => fault.clone(),
        other => panic!("not the client's fault: {other:?}"),
    }
}

/// Why the request of this response was refused, if it was.
pub fn kind<B>(response: &Response<B>) -> Option<RejectionKind> {
    response.extensions().get().map(Rejection::kind).cloned()
}

/// A token request with this form.
pub fn post(form: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/v2/auth/token").header("content-type", FORM).body(Full::new(form.into())).unwrap()
}

/// The body of a response that is in memory.
pub fn body_of<B: Body<Data = Bytes, Error: std::fmt::Debug>>(response: Response<B>) -> Bytes {
    now_or_never(response.into_body().collect()).unwrap().to_bytes()
}

/// The output of a future that is ready.
#[track_caller]
pub fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the future was expected to be ready"),
    }
}

/// A directory that is removed when this is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tower-client-assertion-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file that is removed when this is dropped.
pub struct TempFile {
    path: PathBuf,
    _directory: TempDir,
}

impl TempFile {
    pub fn new(content: impl AsRef<[u8]>) -> Self {
        let directory = TempDir::new();
        let file = Self { path: directory.path().join("file.json"), _directory: directory };
        file.write(content);
        file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(&self, content: impl AsRef<[u8]>) {
        std::fs::write(&self.path, content).unwrap();
    }
}

/// The path of an example. Cargo has no variable for it, but puts examples into a directory next to
/// that of the tests.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join(name);
    assert!(example.is_file(), "{} is missing; run `cargo build --all-features --examples`", example.display());
    example
}
