//! Clients in a database, looked up for each request.
//!
//! ```sh
//! cargo run --example custom_registry
//! ```
//!
//! Paste the `curl` line that it prints into another terminal. `quickstart_axum` shows how to
//! serve, and `sqlite_store` has a registry on a SQL database.

mod support; // Plays the client.

use std::collections::HashMap;
use std::sync::Arc;

use support::{Demo, ISSUER, Result};
use tokio::sync::{mpsc, oneshot};
use tower_client_assertion::port::{Awaited, PortError};
use tower_client_assertion::registry::{AsyncClientRegistry, Client};
use tower_client_assertion::replay::MemoryReplay;
use tower_client_assertion::{ClientAssertionLayer, Policy, Verifier};

type Row = Option<Arc<Client>>;

/// A connection to the database. Here it is a channel to a task. In your program it is the
/// connection pool of a driver.
#[derive(Debug)]
struct Database(mpsc::Sender<(String, oneshot::Sender<Row>)>);

impl Database {
    fn open(clients: impl IntoIterator<Item = Client>) -> Self {
        let rows: HashMap<_, _> = clients.into_iter().map(|one| (one.id().to_string(), Arc::new(one))).collect();
        let (queries, mut queried) = mpsc::channel::<(String, oneshot::Sender<Row>)>(64);
        tokio::spawn(async move {
            while let Some((id, answer)) = queried.recv().await {
                // The request may have been cancelled meanwhile.
                let _ = answer.send(rows.get(&id).cloned());
            }
        });
        Self(queries)
    }
}

/// `Ok(None)` refuses the request as one of an unknown client. `Err` answers 503: it is the
/// server's fault.
///
/// Parse keys when you store or cache them, not in each request: an `Arc<Client>` is made once.
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
    support::serve(&demo, ClientAssertionLayer::new(verifier.issuer(ISSUER).build()?)).await
}
