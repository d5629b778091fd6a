//! A replay store and a client registry on a SQL database, through sqlx with SQLite.
//!
//! ```sh
//! cargo run --example sqlite_store
//! ```
//!
//! - Copy `store.rs` and `registry.rs`. For another database, change the type of the pool and the
//!   placeholders. Keep the unique key: it decides what is a replay.
//! - This file tries them out: it registers a client, which sends one assertion twice.

mod registry;
mod store;

use std::error::Error;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tower_client_assertion::clock::{Clock, SystemClock};
use tower_client_assertion::mint::{KeyRing, Minter, SigningKey};
use tower_client_assertion::policy::Algorithm;
use tower_client_assertion::port::Awaited;
use tower_client_assertion::registry::Cached;
use tower_client_assertion::{Policy, TokenRequest, Verifier};

use crate::registry::SqliteRegistry;
use crate::store::SqliteReplay;

const AUDIENCE: &str = "https://api.example.com/v2/auth/token";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // A file: a database in memory disappears with its connection, and pools replace connections.
    let file = std::env::temp_dir().join(format!("sqlite_store-{}.db", std::process::id()));
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    // SQLite allows one writer at a time. With a single connection, others wait for it and do not
    // fail.
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let registry = SqliteRegistry::create(pool.clone()).await?;
    let replay = SqliteReplay::create(pool.clone()).await?;
    let now = SystemClock.now().ok_or("the system clock is before 1970")?;
    replay.sweep(now).await?;

    // The client's side: its keys, and a token request.
    let keys = KeyRing::new(SigningKey::generate(Algorithm::ES384)?);
    let minter = Minter::builder(Policy::REDOX, "clinic-7", keys.clone()).audience(AUDIENCE).build()?;
    let form = minter.request(AUDIENCE).client_credentials().build().await?.into_body().into_bytes();
    registry.register("clinic-7", std::str::from_utf8(&keys.jwks())?, "system/Patient.rs").await?;

    // A client that is changed is used for some seconds as it was: see `Cached::invalidate`.
    let clients = Cached::new(Awaited::new(registry));
    let verifier = Verifier::builder(Policy::REDOX, clients, Awaited::new(replay));
    let verifier = verifier.audience(AUDIENCE).build()?;
    for attempt in ["first", "second"] {
        match verifier.verify(&TokenRequest::new(&form)).await {
            Ok(identity) => println!("the {attempt} time: {} is accepted", identity.client_id()),
            Err(rejection) => println!("the {attempt} time: {rejection}"),
        }
    }
    pool.close().await;
    std::fs::remove_file(file)?;
    Ok(())
}
