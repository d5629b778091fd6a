//! Clients with an assertion, and clients with `client_secret_basic`, at one token endpoint.
//!
//! ```sh
//! cargo run --example client_secret_basic --features axum
//! ```
//!
//! Paste the `curl` lines that it prints into another terminal: one for each kind of client. A
//! wrong secret is refused in the same form, and reported to the same sink, as a wrong assertion.
//!
//! - `basic.rs` reads the header, strictly.
//! - `secrets.rs` compares hashed secrets, off the threads that serve requests.
//!
//! Limit the rate of requests for each address outside of the layer, as `rate_limited` does: a
//! secret can be guessed, a signature cannot.

mod basic;
mod secrets;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::request::Parts;
use tower_client_assertion::event::{self, Event};
use tower_client_assertion::registry::FixedRegistry;
use tower_client_assertion::rejection::{AuthScheme, ClientFault, Parameter};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, Rejection, Verifier};

use crate::basic::Credentials;
use crate::secrets::Secrets;
use crate::support::{Demo, ISSUER, Result};

const LEGACY: &str = "legacy client";
/// Generate yours: 256 random bits.
const SECRET: &str = "100% s+cret: no";

/// The layer is part of the state, so that the handler can refuse as it does.
struct Server {
    layer: ClientAssertionLayer,
    secrets: Secrets,
}

/// Why a request is refused, and the client that it claims to be from.
type Refusal = (Rejection, Option<String>);

#[tokio::main]
async fn main() -> Result {
    let demo = Demo::new()?;
    let clients = FixedRegistry::new([demo.client()?])?;
    let refusals = event::sink(|event| {
        if let Event::Refused(refused) = event {
            eprintln!("refused {:?}: {}", refused.claimed_client(), refused.code());
        }
    });
    let verifier = Verifier::builder(Policy::RFC7523, clients, MemoryReplay::new(1_000_000)?);
    let verifier = verifier.issuer(ISSUER).events(refusals).build()?;
    let layer = ClientAssertionLayer::new(verifier).optional();

    let secrets = Secrets::new([(LEGACY, &*secrets::hash(SECRET)?)])?;
    let server = Arc::new(Server { layer: layer.clone(), secrets });
    let app = Router::new().route("/token", post(token).layer(layer)).with_state(server);
    let listener = support::listen().await?;
    demo.introduce(&listener).await?;
    let (url, [id, secret]) = (listener.local_addr()?, [LEGACY, SECRET].map(basic::encode));
    println!("curl -i http://{url}/token -d grant_type=client_credentials -u {id}:{secret}");
    axum::serve(listener, app).await?;
    Ok(())
}

/// `Option<ClientIdentity>` fails where no layer guards the route. An extension would be absent.
async fn token(
    State(server): State<Arc<Server>>,
    client: Option<ClientIdentity>,
    head: Parts,
    form: Bytes,
) -> Response {
    if let Some(client) = client {
        return format!("a token for {}", client.client_id()).into_response();
    }
    match authenticate(&server.secrets, &head, &form).await {
        Ok(client) => format!("a token for {client}").into_response(),
        Err((rejection, claimed)) => server.layer.refuse(&head, rejection, claimed.as_deref()).map(Body::from),
    }
}

/// Authenticates a client that sent no assertion.
async fn authenticate(secrets: &Secrets, head: &Parts, form: &[u8]) -> std::result::Result<String, Refusal> {
    let failed = ClientFault::OtherMethod(Some(AuthScheme::Basic));
    let anonymous = || (ClientFault::NoAuthentication(None).into(), None);
    let credentials = basic::read(&head.headers).map_err(|basic::Malformed| (failed.clone().into(), None))?;
    let Credentials { client_id, secret } = credentials.ok_or_else(anonymous)?;
    let refused = |fault: ClientFault| (fault.into(), Some(client_id.clone()));
    // One method for each request (RFC 6749, section 2.3), and one client.
    for (name, parameter) in [("client_id", Parameter::ClientId), ("client_secret", Parameter::ClientSecret)] {
        let mut values = form_urlencoded::parse(form).filter(|(found, _)| found == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (_, Some(_)) => return Err(refused(ClientFault::RepeatedParameter(parameter))),
            (Some(_), _) if parameter == Parameter::ClientSecret => {
                return Err(refused(ClientFault::SeveralMechanisms(Some(AuthScheme::Basic))));
            }
            (Some(id), _) if id != client_id => return Err(refused(failed)),
            _ => {}
        }
    }
    match secrets.check(&client_id, secret).await {
        Ok(true) => Ok(client_id),
        Ok(false) => Err(refused(failed)),
        Err(fault) => Err((fault.into(), Some(client_id))),
    }
}
