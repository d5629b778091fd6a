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

use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tower_client_assertion::clock::{Clock, SystemClock};
use tower_client_assertion::port::Awaited;
use tower_client_assertion::{JWT_BEARER, Policy, TokenRequest, Verifier};

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

    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING)?;
    let private = EncodingKey::from_ec_der(pair.to_pkcs8v1()?.as_ref());
    let mut public = Jwk::from_encoding_key(&private, Algorithm::ES384)?;
    public.common.key_id = Some("key-1".into());
    registry.register("clinic-7", &json!({ "keys": [public] }).to_string(), "system/Patient.rs").await?;

    let verifier = Verifier::builder(Policy::REDOX, Awaited::new(registry), Awaited::new(replay));
    let verifier = verifier.audience(AUDIENCE).build()?;
    let form = form(&private, now.as_secs())?;
    for attempt in ["first", "second"] {
        match verifier.verify(&TokenRequest::new(form.as_bytes())).await {
            Ok(identity) => println!("the {attempt} time: {} is accepted", identity.client_id()),
            Err(rejection) => println!("the {attempt} time: {rejection}"),
        }
    }
    pool.close().await;
    std::fs::remove_file(file)?;
    Ok(())
}

/// Makes a token request with a new assertion. This is the client's side.
fn form(private: &EncodingKey, now: u64) -> Result<String, Box<dyn Error>> {
    let header = Header { kid: Some("key-1".into()), ..Header::new(Algorithm::ES384) };
    let claims = json!({
        "iss": "clinic-7", "sub": "clinic-7", "aud": AUDIENCE, "jti": "a1b2c3", "iat": now, "exp": now + 300,
    });
    let assertion = jsonwebtoken::encode(&header, &claims, private)?;
    let parameters =
        [("grant_type", "client_credentials"), ("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
    Ok(serde_urlencoded::to_string(parameters)?)
}
