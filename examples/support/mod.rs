//! The client's side of the examples: a key pair whose public half is registered, and a `curl`
//! line to paste into a shell. When copying an example, replace `mod support`.

// Each example uses a part of this.
#![allow(dead_code)]

use std::error::Error;
use std::process::exit;
use std::time::Duration;

use axum::routing::post;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tower_client_assertion::mint::{Minter, MinterBuilder, SigningKey};
use tower_client_assertion::policy::Algorithm;
use tower_client_assertion::registry::Client;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, JWT_BEARER, Policy};

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The issuer identifier of the example servers. Clients put it into `aud`.
pub(crate) const ISSUER: &str = "https://auth.example.com";

const CLIENT_ID: &str = "demo-client";

/// A client with a key that lives as long as the program.
pub(crate) struct Demo(Minter);

impl Demo {
    /// Generates a client of the server [`ISSUER`].
    pub(crate) fn new() -> Result<Self> {
        Self::build(Minter::builder(Policy::RFC7523, CLIENT_ID, Self::key()?).issuer(ISSUER))
    }

    /// Generates a client of the Redox profile that puts this URL into `aud`.
    pub(crate) fn addressing(url: &str) -> Result<Self> {
        Self::build(Minter::builder(Policy::REDOX, CLIENT_ID, Self::key()?).audience(url))
    }

    fn key() -> Result<SigningKey> {
        Ok(SigningKey::generate(Algorithm::ES384)?.with_key_id("demo-key")?)
    }

    /// Assertions are valid for five minutes, so that there is time to paste them. Client and
    /// server have one clock.
    fn build(minter: MinterBuilder) -> Result<Self> {
        Ok(Self(minter.backdate(Duration::ZERO).lifetime(Duration::from_secs(300)).build()?))
    }

    /// Returns the client as a server registers it: its id and its public key.
    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::new(CLIENT_ID, self.0.keys().key_set())?)
    }

    /// Signs a new assertion.
    pub(crate) async fn assertion(&self) -> Result<String> {
        Ok(self.0.mint().get().await?.expose())
    }

    /// Prints the address of the server, and a request that it accepts once.
    pub(crate) async fn introduce(&self, listener: &TcpListener) -> Result {
        let url = format!("http://{}", listener.local_addr()?);
        let assertion = self.assertion().await?;
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
    demo.introduce(&listener).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
    format!("a token for {}", client.client_id())
}
