//! What both programs do, as applications do it.

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use tower_client_assertion::replay::RedisReplay;

/// Makes a configuration with the provider of the process. It panics if rustls cannot choose one.
pub fn any_tls_client() -> ClientConfig {
    ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// Whether the provider of the process is ring. Only that of aws-lc-rs has hybrid key exchange.
pub fn has_ring() -> bool {
    CryptoProvider::get_default().is_some_and(|provider| provider.kx_groups.len() == 3)
}

/// Connects to a server that does not exist, and returns the error.
pub async fn redis_over_tls() -> String {
    let connected = RedisReplay::standalone("rediss://127.0.0.1:1").connect().await;
    connected.map(|_| ()).expect_err("there is no server").to_string()
}
