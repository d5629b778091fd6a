//! The client's side: a key pair, its public half registered, and assertions signed with the private one.

use std::fmt::Display;
use std::net::SocketAddr;

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_client_assertion::JWT_BEARER;
use tower_client_assertion::clock::{Clock as _, SystemClock};
use tower_client_assertion::keys::KeySet;
use tower_client_assertion::registry::{Client, FixedRegistry};

use crate::app::{TOKEN_PATH, random_text};
use crate::log;

const CLIENT_ID: &str = "demo-client";
const KEY_ID: &str = "demo-key";
const SCOPE: &str = "system/Patient.rs";

/// A client with a key that lives as long as this program.
pub(crate) struct DemoClient {
    private_key: EncodingKey,
    public_key: Vec<u8>,
    audience: String,
}

impl DemoClient {
    /// A client of the token endpoint `audience`.
    pub(crate) fn generate(audience: &str) -> Result<Self, String> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(failed)?;
        let private_key = EncodingKey::from_ec_der(pair.to_pkcs8v1().map_err(failed)?.as_ref());
        Ok(Self { private_key, public_key: pair.public_key().as_ref().to_vec(), audience: audience.to_owned() })
    }

    /// What the server knows of it.
    pub(crate) fn register(&self) -> Result<FixedRegistry, String> {
        // An uncompressed point: 4, then x and y (SEC 1, section 2.3.3).
        let (_, point) = self.public_key.split_first().ok_or("the public key is empty")?;
        let (x, y) = point.split_at(point.len() / 2);
        let encode = |coordinate| URL_SAFE_NO_PAD.encode(coordinate);
        let jwks =
            json!({"keys": [{"kty": "EC", "crv": "P-384", "kid": KEY_ID, "x": encode(x), "y": encode(y)}]}).to_string();
        let keys = KeySet::parse(jwks.as_bytes()).map_err(failed)?;
        let client = Client::new(CLIENT_ID, keys).map_err(failed)?;
        FixedRegistry::new([client.scope(SCOPE)]).map_err(failed)
    }

    /// Sends an assertion twice, and leaves another one to be sent by hand.
    pub(crate) async fn show(&self, server: SocketAddr) -> Result<(), String> {
        let assertion = self.assertion()?;
        log("\nA client authenticates:\n");
        exchange(server, &assertion).await?;
        log("\nSomebody who overheard the assertion sends it again:\n");
        exchange(server, &assertion).await?;
        log("\nNow you. This assertion is good for five minutes, and for one request; send it twice and see.\n");
        log(&curl(server, &self.assertion()?));
        log("\nPress Ctrl-C to stop the server.");
        Ok(())
    }

    /// An assertion that was never used (RFC 7523, section 3).
    fn assertion(&self) -> Result<String, String> {
        let now = SystemClock.now().ok_or("the clock stands before 1970")?.as_secs();
        let mut header = Header::new(Algorithm::ES384);
        header.kid = Some(KEY_ID.to_owned());
        let claims = json!({
            "iss": CLIENT_ID,
            "sub": CLIENT_ID,
            "aud": self.audience,
            "jti": random_text().map_err(failed)?,
            "iat": now,
            "exp": now + 300,
        });
        jsonwebtoken::encode(&header, &claims, &self.private_key).map_err(failed)
    }
}

/// A request over a socket of its own, as it goes over the wire, and its response.
async fn exchange(server: SocketAddr, assertion: &str) -> Result<(), String> {
    let request = request(server, assertion);
    let response = send(server, &request).await.map_err(failed)?;
    print("> ", &request.replace(assertion, &shortened(assertion)));
    print("< ", &response);
    Ok(())
}

fn request(server: SocketAddr, assertion: &str) -> String {
    let form: Vec<_> = parameters(assertion).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let form = form.join("&");
    let length = form.len();
    format!(
        "POST {TOKEN_PATH} HTTP/1.1\r\n\
         Host: {server}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n\
         Connection: close\r\n\
         \r\n\
         {form}"
    )
}

/// None of these values has a character that a form would have to encode: a colon and a slash may stand for themselves.
fn parameters(assertion: &str) -> [(&'static str, &str); 4] {
    [
        ("grant_type", "client_credentials"),
        ("scope", SCOPE),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ]
}

async fn send(server: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(server).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    socket.read_to_string(&mut response).await?;
    Ok(response)
}

/// A terminal is a place where secrets are read over shoulders and copied into tickets.
fn shortened(assertion: &str) -> String {
    let start: String = assertion.chars().take(16).collect();
    format!("{start}...")
}

fn print(prefix: &str, message: &str) {
    for line in message.lines() {
        log(format!("{prefix}{line}").trim_end());
    }
}

fn curl(server: SocketAddr, assertion: &str) -> String {
    let parameters =
        parameters(assertion).into_iter().map(|(name, value)| format!(" --data-urlencode '{name}={value}'"));
    format!("curl -i http://{server}{TOKEN_PATH}{}", parameters.collect::<String>())
}

fn failed(error: impl Display) -> String {
    format!("the demo failed: {error}")
}
