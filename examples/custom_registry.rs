//! Clients that live in a database, and are asked for when they come. Type
//!
//! ```sh
//! cargo run --example custom_registry
//! ```
//!
//! and paste the `curl` line that it prints into another terminal.

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use axum::routing::post;
use axum::{Extension, Router};
use support::{Demo, ISSUER, Result};
use tokio::sync::{mpsc, oneshot};
use tower_client_assertion::port::{Awaited, PortError};
use tower_client_assertion::registry::{AsyncClientRegistry, Client};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, ClientIdentity, Policy, Verifier};

type Row = Option<Arc<Client>>;

/// A connection to the database: a task of its own here, a pool of your driver's there.
#[derive(Debug)]
struct Database(mpsc::Sender<(String, oneshot::Sender<Row>)>);

impl Database {
    fn open(clients: impl IntoIterator<Item = Client>) -> Self {
        let rows: HashMap<_, _> = clients.into_iter().map(|one| (one.id().to_string(), Arc::new(one))).collect();
        let (queries, mut queried) = mpsc::channel::<(String, oneshot::Sender<Row>)>(64);
        tokio::spawn(async move {
            while let Some((id, answer)) = queried.recv().await {
                // Whoever asked may have gone.
                let _ = answer.send(rows.get(&id).cloned());
            }
        });
        Self(queries)
    }
}

/// An error refuses the request as unavailable (503): it is never the client's fault. `None` is.
///
/// Parse keys when they are stored or cached, not here: a `Client` in an `Arc` is made once.
impl AsyncClientRegistry for Database {
    async fn find(&self, client_id: &str) -> std::result::Result<Row, PortError> {
        let (answer, answered) = oneshot::channel();
        self.0.send((client_id.to_owned(), answer)).await.map_err(|_| PortError::new("the database is closed"))?;
        answered.await.map_err(PortError::new)
    }
}

#[tokio::main]
async fn main() -> Result {
    let demo = Demo::new()?;
    let database = Database::open([demo.client()?]);
    let verifier = Verifier::builder(Policy::RFC7523, Awaited::new(database), MemoryReplay::new(1_000_000)?);
    let guard = ClientAssertionLayer::new(verifier.issuer(ISSUER).build()?);
    let app = Router::new().route("/token", post(issue).layer(guard));

    let listener = support::listen().await?;
    demo.introduce(&listener)?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn issue(Extension(client): Extension<ClientIdentity>) -> String {
    format!("a token for {}", client.client_id())
}
