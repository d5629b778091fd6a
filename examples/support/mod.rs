//! The client's side of the examples: a key pair whose public half is registered, and a `curl`
//! line to paste into a shell. When copying an example, replace `mod support`.

// Each example uses a part of this.
#![allow(dead_code)]

use std::error::Error;
use std::process::exit;

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use axum::routing::post;
use axum::{Extension, Router};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tokio::net::TcpListener;
use tower_client_assertion::clock::{Clock as _, SystemClock};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::registry::Client;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, JWT_BEARER};

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The issuer identifier of the example servers. Clients put it into `aud`.
pub(crate) const ISSUER: &str = "https://auth.example.com";

const CLIENT_ID: &str = "demo-client";
const KEY_ID: &str = "demo-key";

/// A client with a key that lives as long as the program.
pub(crate) struct Demo {
    private_key: EncodingKey,
    audience: String,
}

impl Demo {
    /// Generates a client of the server [`ISSUER`].
    pub(crate) fn new() -> Result<Self> {
        Self::addressing(ISSUER)
    }

    /// Generates a client that puts this into `aud`.
    pub(crate) fn addressing(audience: &str) -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?;
        let private_key = EncodingKey::from_ec_der(pair.to_pkcs8v1()?.as_ref());
        Ok(Self { private_key, audience: audience.to_owned() })
    }

    /// Returns the client as a server registers it: its id and its public key.
    pub(crate) fn client(&self) -> Result<Client> {
        let mut public = Jwk::from_encoding_key(&self.private_key, Algorithm::ES384)?;
        public.common.key_id = Some(KEY_ID.to_owned());
        let keys = KeySet::parse(json!({"keys": [public]}).to_string().as_bytes())?;
        Ok(Client::new(CLIENT_ID, keys)?)
    }

    /// Signs a new assertion (RFC 7523, section 3), valid for five minutes.
    pub(crate) fn assertion(&self) -> Result<String> {
        let now = SystemClock.now().ok_or("the system clock is before 1970")?.as_secs();
        let mut header = Header::new(Algorithm::ES384);
        header.kid = Some(KEY_ID.to_owned());
        let mut jti = [0; 16];
        aws_lc_rs::rand::fill(&mut jti)?;
        let jti: String = jti.iter().map(|byte| format!("{byte:02x}")).collect();
        let claims = json!({
            "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": self.audience, "jti": jti, "iat": now, "exp": now + 300,
        });
        Ok(jsonwebtoken::encode(&header, &claims, &self.private_key)?)
    }

    /// Prints the address of the server, and a request that it accepts once.
    pub(crate) fn introduce(&self, listener: &TcpListener) -> Result {
        let url = format!("http://{}", listener.local_addr()?);
        let assertion = self.assertion()?;
        println!("listening on {url}");
        println!(
            "curl -i {url}/token -d grant_type=client_credentials -d client_assertion_type={JWT_BEARER} \
             -d client_assertion={assertion}"
        );
        Ok(())
    }
}

/// Listens on the address in the first argument, by default on port 3000.
pub(crate) async fn listen() -> Result<TcpListener> {
    let address = address();
    Ok(TcpListener::bind(&address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?)
}

/// Reads the command line. Ends the program if it asks for the usage or has an unknown flag.
fn address() -> String {
    let mut words = std::env::args();
    let name = words.next().unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    match words.next() {
        None => "127.0.0.1:3000".to_owned(),
        Some(word) if word == "--help" || word == "-h" => {
            println!("usage: {name} [IP:PORT]    the address to listen on, by default 127.0.0.1:3000");
            exit(0)
        }
        Some(word) if word == "--version" || word == "-V" => {
            println!("{name} {}", env!("CARGO_PKG_VERSION"));
            exit(0)
        }
        Some(word) if word.starts_with('-') => {
            eprintln!("{}: unknown flag; see --help", word.escape_debug());
            exit(2)
        }
        Some(address) => address,
    }
}

/// Serves a small token endpoint behind the layer.
pub(crate) async fn serve(demo: &Demo, layer: ClientAssertionLayer) -> Result {
    let app = Router::new().route("/token", post(issue).layer(layer));
    let listener = listen().await?;
    demo.introduce(&listener)?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
    format!("a token for {}", client.client_id())
}
