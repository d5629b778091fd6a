//! The SQL example: its clients in a table, and the example as a whole.

#[path = "../../examples/sqlite_store/registry.rs"]
mod registry;

use std::process::Command;

use crate::common::{CLIENT, SIGNER, TempDir, example};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tower_client_assertion::registry::AsyncClientRegistry;

use registry::SqliteRegistry;

#[tokio::test]
async fn sql_clients_are_found_and_a_broken_row_is_a_server_fault() {
    let directory = TempDir::new();
    let options = SqliteConnectOptions::new().filename(directory.path().join("clients.db")).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let registry = SqliteRegistry::create(pool.clone()).await.unwrap();
    assert!(registry.find(CLIENT).await.unwrap().is_none());

    let jwks = json!({"keys": [SIGNER.jwk()]}).to_string();
    registry.register(CLIENT, &jwks, "a").await.unwrap();
    registry.register(CLIENT, &jwks, "a b").await.unwrap();
    let client = registry.find(CLIENT).await.unwrap().unwrap();
    assert_eq!((client.id().as_str(), client.scope()), (CLIENT, Some("a b")));
    for other in ["", "clinic", "CLINIC-7", "clinic-7 ", "' OR ''='", "%"] {
        assert!(registry.find(other).await.unwrap().is_none(), "{other}");
    }

    for broken in ["", "[]", "{\"keys\": []}"] {
        registry.register("broken", broken, "").await.unwrap();
        assert!(registry.find("broken").await.is_err(), "{broken}");
    }
    pool.close().await;
    assert!(registry.find(CLIENT).await.is_err());
}

#[test]
fn the_example_accepts_an_assertion_once() {
    let output = Command::new(example("sqlite_store")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let expected =
        "the first time: clinic-7 is accepted\nthe second time: the client assertion has already been used\n";
    assert_eq!(text, expected);
}
